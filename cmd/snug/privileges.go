package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is the unprivileged user that everything runs as.
type identity struct{ uid, gid int }

// becomeUnprivileged gives the data to an unprivileged user and begins the program anew as that user, with the
// public port, which may be one that only root can open, in its hands. PostgreSQL refuses to run as root, and
// nothing else needs to. It returns only if that failed.
func becomeUnprivileged(settings Settings, port *net.TCPListener) error {
	who, err := chooseIdentity(settings)
	if err != nil {
		return err
	}
	if err := checkCapabilities(who, becomeCapabilities); err != nil {
		return err
	}
	if err := giveFolders(settings, who); err != nil {
		return explainGive(who, string(settings.Data), err)
	}
	unreadable := tlsObstacles(settings, who) // as root sees them
	// Namespaces and credentials belong to the thread; exec makes this thread the whole process.
	runtime.LockOSThread()
	if err := openWay(settings, who); err != nil {
		return err
	}
	if err := dropTo(who); err != nil {
		return fmt.Errorf("become user %d: %w; start Snug as that user instead of root", who.uid, err)
	}
	if _, err := openCertificate(settings, slog.New(slog.DiscardHandler)); err != nil {
		return explainTLS(err, unreadable)
	}
	inherited, err := inheritPort(port)
	if err != nil {
		return err
	}
	kept, err := keepSettings(settings.fromFiles)
	if err != nil {
		return err
	}
	environ := override(os.Environ(), kept...)
	environ = override(environ, "SNUG_DATA="+string(settings.Data), inherited)
	return fmt.Errorf("begin anew as user %d: %w", who.uid, unix.Exec("/proc/self/exe", os.Args, environ))
}

// dropTo leaves all groups and the user for good.
func dropTo(who identity) error {
	if err := syscall.Setgroups([]int{who.gid}); err != nil {
		return err
	}
	if err := syscall.Setgid(who.gid); err != nil {
		return err
	}
	return syscall.Setuid(who.uid)
}

// chooseIdentity prefers what was set, then who owns the data already, then whoever called sudo, and then the
// accounts made for such a purpose.
func chooseIdentity(settings Settings) (identity, error) {
	who, err := findIdentity(settings)
	if settings.PGID != nil {
		who.gid = int(*settings.PGID)
	}
	return who, err
}

func findIdentity(settings Settings) (identity, error) {
	if settings.PUID != nil {
		who := identity{int(*settings.PUID), int(*settings.PUID)}
		if account, err := user.LookupId(strconv.Itoa(who.uid)); err == nil {
			who.gid, _ = strconv.Atoi(account.Gid)
		}
		return who, nil
	}
	if info, err := os.Stat(string(settings.Data)); err == nil {
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 0 {
			return identity{int(owner.Uid), int(owner.Gid)}, nil
		}
	}
	if uid, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil && uid != 0 {
		gid, err := strconv.Atoi(os.Getenv("SUDO_GID"))
		return identity{uid, gid}, err
	}
	for _, name := range []string{"snug", "postgres", "nobody"} {
		if account, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(account.Uid)
			gid, _ := strconv.Atoi(account.Gid)
			return identity{uid, gid}, nil
		}
	}
	return identity{}, errors.New("started as root, and there is no other user to run as: set PUID and PGID")
}

// giveFolders makes the data folder and the folder of the sockets, and gives both to the user.
func giveFolders(settings Settings, who identity) error {
	data := string(settings.Data)
	if err := makeData(data); err != nil {
		return err
	}
	if err := refuseForeign(data); err != nil {
		return err
	}
	if err := giveData(data, who); err != nil {
		return explainDenied(data, err)
	}
	run, must := string(settings.Run), true
	if run == "" {
		run, must = systemRun, false
	}
	if err := giveRun(run, who); err != nil && must {
		return fmt.Errorf("give the folder of the sockets %s to user %d: %w", run, who.uid, err)
	}
	return nil
}

// giveData changes the owner of what is ours in the data folder, deepest first, so that one that was cut short
// is seen by the owner of the folder itself, and done again.
func giveData(data string, who identity) error {
	if belongsTo(data, who) {
		return nil
	}
	for _, name := range ours {
		if err := giveTree(filepath.Join(data, name), who); err != nil {
			return err
		}
	}
	return os.Lchown(data, who.uid, who.gid)
}

func giveTree(root string, who identity) error {
	var paths []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, path := range slices.Backward(paths) {
		if err := os.Lchown(path, who.uid, who.gid); err != nil {
			return err
		}
	}
	return nil
}

func belongsTo(path string, who identity) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	owner := info.Sys().(*syscall.Stat_t)
	return int(owner.Uid) == who.uid && int(owner.Gid) == who.gid
}

// giveRun leaves a folder alone in which another Snug runs.
func giveRun(run string, who identity) error {
	lock, err := takeRun(run)
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.Lchown(lock.Name(), who.uid, who.gid); err != nil {
		return err
	}
	return os.Lchown(run, who.uid, who.gid)
}

// openWay makes our folders reachable for the user where a folder above them is closed to others, as root's home
// is: in a mount namespace of our own, an empty folder is laid over the closed one, and in that one ours are mounted
// at their own paths. Nothing else of the closed folder can be seen through it, and no mode is changed.
func openWay(settings Settings, who identity) error {
	folders := []string{string(settings.Data)}
	if string(settings.Run) != "" {
		folders = append(folders, string(settings.Run))
	}
	var hidden, closed []string
	for _, folder := range folders {
		if above := closedAbove(folder, who); above != "" {
			hidden, closed = append(hidden, folder), append(closed, above)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	if err := mountOver(closed, hidden); err != nil {
		return fmt.Errorf("user %d cannot reach %s, as %s is closed to others (%w): choose another folder with SNUG_DATA, such as /srv/snug, or run `chmod o+x %s`",
			who.uid, hidden[0], closed[0], err, closed[0])
	}
	return nil
}

func mountOver(closed, hidden []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	var held []*os.File
	for _, folder := range hidden {
		file, err := os.OpenFile(folder, unix.O_PATH|unix.O_DIRECTORY, 0) // the namespace's own view of it, before it is covered
		if err != nil {
			return err
		}
		defer file.Close()
		held = append(held, file)
	}
	slices.Sort(closed)
	for _, folder := range slices.Compact(closed) {
		if err := unix.Mount("snug", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0711,size=64k"); err != nil {
			return err
		}
	}
	for i, folder := range hidden {
		if err := os.MkdirAll(folder, 0o711); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", held[i].Fd()), folder, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// closedAbove is the first folder on the way to path that the user may not pass, or empty.
func closedAbove(path string, who identity) string {
	for _, folder := range foldersAbove(path) {
		if info, err := os.Stat(folder); err == nil && !mayEnter(info, who) {
			return folder
		}
	}
	return ""
}
