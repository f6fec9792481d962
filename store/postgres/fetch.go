package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// DefaultRepositoryURL is the Maven repository that has the programs that embedded-postgres fetches.
const DefaultRepositoryURL = "https://repo1.maven.org/maven2"

// fetchable are the versions of PostgreSQL that embedded-postgres knows, by their major.
var fetchable = map[int]embeddedpostgres.PostgresVersion{
	14: embeddedpostgres.V14,
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

// newestMajor is what a new cluster is made with: the first version that has data checksums by default.
const newestMajor = 18

// fetch has embedded-postgres download the programs, for the major version of the cluster if there is one. They are
// tried out on a cluster that is thrown away, and appear in FetchedDir when they are whole.
func (c Config) fetch(ctx context.Context) (err error) {
	major, exists, err := clusterMajor(c.Dir)
	if err != nil {
		return err
	}
	if !exists {
		major = newestMajor
	}
	version, ok := fetchable[major]
	if !ok {
		return fmt.Errorf("the cluster %s was made by PostgreSQL %d, which is not installed and cannot be fetched. "+
			"Nothing was changed. Install PostgreSQL %d, or set SNUG_POSTGRES_BIN to the folder of its programs", c.Dir, major, major)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("PostgreSQL is not installed, and fetching it failed: %w. Start Snug again to retry, "+
				"install PostgreSQL with your package manager, or set SNUG_POSTGRES_BIN to the folder of its programs", err)
		}
	}()
	c.logger().Info("no PostgreSQL is installed: fetching it", "version", version, "from", c.repository())
	work := c.fetching()
	defer func() { err = errors.Join(err, work.clear(context.WithoutCancel(ctx))) }()
	if err := work.create(); err != nil {
		return err
	}
	if err := c.download(ctx, work, version); err != nil {
		return err
	}
	return c.install(work, string(version))
}

// fetching is the workspace of a download.
func (c Config) fetching() workspace {
	return workspace{dir: filepath.Join(c.FetchedDir, ".fetching"), logger: c.logger()}
}

// programsDir is where in the workspace the programs are unpacked.
const programsDir = "programs"

// download leaves programs in the workspace that are proven to run.
func (c Config) download(ctx context.Context, work workspace, version embeddedpostgres.PostgresVersion) error {
	relay, err := startRelay(ctx, relayConfig{
		Repository: c.repository(), Dir: work.path("download"), Stall: stallTimeout, Logger: c.logger(),
	})
	if err != nil {
		return err
	}
	defer relay.close()
	trial := embedded{
		work: work, version: version, binaries: work.path(programsDir), repository: relay.url(),
		password: rand.Text(), database: "postgres", logger: c.logger(),
	}
	err = trial.run(ctx, func(context.Context, string) error { return nil })
	if cause := relay.failure(); cause != nil {
		return cause // embedded-postgres says only that there was an answer that it did not expect
	}
	return err
}

func (c Config) repository() string {
	if c.RepositoryURL == "" {
		return DefaultRepositoryURL
	}
	return c.RepositoryURL
}

// install moves the programs into place, durably.
func (c Config) install(work workspace, version string) error {
	programs, target := work.path(programsDir), filepath.Join(c.FetchedDir, version)
	if err := syncTree(programs); err != nil {
		return fmt.Errorf("make the fetched programs durable: %w", err)
	}
	// What lies there was fetched earlier, and is of no use, or there would have been no need to fetch.
	if err := os.RemoveAll(target); err != nil {
		return fmt.Errorf("remove programs that do not work: %w", err)
	}
	if err := os.Rename(programs, target); err != nil {
		return fmt.Errorf("put the fetched programs into their place: %w", err)
	}
	if err := syncPath(c.FetchedDir); err != nil {
		return fmt.Errorf("make the fetched programs durable: %w", err)
	}
	c.logger().Info("fetched PostgreSQL", "version", version, "dir", target)
	return nil
}
