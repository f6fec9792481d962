package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"snug/chat"
	"snug/store"
)

// adminTimeout bounds a command that changes something in the database.
const adminTimeout = 30 * time.Second

func newAdminCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:   "admin",
		Short: "Make accounts, links for new passwords, and invites",
		Long: "Make accounts, links for new passwords, and invites, for whoever has the server. No mail server is needed: links are handed over\n" +
			"by hand. It works in the database, while Snug runs; what is done is in the audit log as done by `snug admin`.",
		Example: "  snug admin user-create grace --role admin\n  snug admin password-reset ada\n  docker exec snug snug admin invite --expires 24h",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(newUserCreateCommand(), newPasswordResetCommand(), newInviteCommand())
	return parent
}

func newUserCreateCommand() *cobra.Command {
	var name, role string
	var fromStdin bool
	cmd := &cobra.Command{
		Use:     "user-create USERNAME",
		Short:   "Make an account",
		Long:    "Make an account. Its password is made up and printed, unless --password-stdin is given.",
		Example: "  snug admin user-create grace --name 'Grace Hopper' --role admin\n  pass snug/grace | snug admin user-create grace --password-stdin",
		Args:    oneUsername,
		RunE: withStore(func(ctx context.Context, cmd *cobra.Command, a adminStore, args []string) error {
			if err := checkRole(role, store.Owner, store.Admin, store.Member); err != nil {
				return err
			}
			password, err := choosePassword(cmd.InOrStdin(), fromStdin)
			if err != nil {
				return err
			}
			hash, err := chat.HashPassword(password)
			if err != nil {
				return err
			}
			user, err := a.CreateUser(ctx, store.NewUser{Username: strings.ToLower(args[0]), DisplayName: name, Role: store.Role(role), PasswordHash: hash})
			if err != nil {
				return plainly(err)
			}
			if !fromStdin {
				fmt.Fprintln(cmd.OutOrStdout(), password)
				fmt.Fprintf(cmd.ErrOrStderr(), "That is the password of %s, who logs in at %s and should change it there.\n", user.Username, a.origin)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&name, "name", "", "display `name`; default: the username")
	cmd.Flags().StringVar(&role, "role", string(store.Member), "owner, admin or member; guests come by `snug admin invite`")
	cmd.Flags().BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func newPasswordResetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "password-reset USERNAME",
		Short: "Print a link by which somebody chooses a new password",
		Long: "Print a link by which somebody chooses a new password. It is good once, for a day; one from before is void. The password stays\n" +
			"what it is until the link is used; then all logins of that user end.",
		Example: "  snug admin password-reset ada",
		Args:    oneUsername,
		RunE: withStore(func(ctx context.Context, cmd *cobra.Command, a adminStore, args []string) error {
			user, _, err := a.UserByUsername(ctx, args[0])
			if err != nil {
				return plainly(err)
			}
			reset, err := a.BeginReset(ctx, user.ID, chat.ResetLifetime, func(store.User) error { return nil })
			if err != nil {
				return plainly(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), chat.ResetURL(a.origin, reset.Code))
			fmt.Fprintf(cmd.ErrOrStderr(), "Give that to %s. It is good once, until %s.\n", user.Username, reset.ExpiresAt.Local().Format(time.DateTime))
			return nil
		}),
	}
}

func newInviteCommand() *cobra.Command {
	var role string
	var uses int
	var expires time.Duration
	var channels []string
	cmd := &cobra.Command{
		Use:     "invite",
		Short:   "Print a link by which people make an account",
		Long:    "Print a link by which people make an account. Guests see the channels of the invite and the people in them, and nothing else.",
		Example: "  snug admin invite\n  snug admin invite --role guest --channel launch --uses 1 --expires 24h",
		Args:    noArguments,
		RunE: withStore(func(ctx context.Context, cmd *cobra.Command, a adminStore, _ []string) error {
			if err := checkRole(role, store.Admin, store.Member, store.Guest); err != nil {
				return err
			}
			owner, err := a.FirstOwner(ctx)
			if err != nil {
				return plainly(err)
			}
			params := store.InviteParams{Role: store.Role(role), CreatedBy: owner.ID}
			if params.Channels, err = a.ChannelsByName(ctx, channels); err != nil {
				return plainly(err)
			}
			if uses != 0 {
				params.MaxUses = &uses
			}
			if expires != 0 {
				end := time.Now().Add(expires)
				params.ExpiresAt = &end
			}
			invite, err := a.CreateInvite(ctx, params)
			if err != nil {
				return plainly(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), chat.InviteURL(a.origin, invite.Code))
			return nil
		}),
	}
	cmd.Flags().StringVar(&role, "role", string(store.Member), "admin, member or guest")
	cmd.Flags().IntVar(&uses, "uses", 0, "how `many` may use it; default: any number")
	cmd.Flags().DurationVar(&expires, "expires", 0, "after which `time` it ends, such as 24h; default: never")
	cmd.Flags().StringSliceVar(&channels, "channel", nil, "`name` of a channel to join besides #general; may be given more than once")
	return cmd
}

// adminStore is the database of the Snug that runs, and where people find that.
type adminStore struct {
	*store.Store
	origin string
}

func withStore(run func(context.Context, *cobra.Command, adminStore, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		settings, _, err := commandSettings(cmd)
		if err != nil {
			return err
		}
		database, err := operatorDatabase(settings)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(store.By(cmd.Context(), store.Actor{Name: "snug admin"}), adminTimeout)
		defer cancel()
		opened, err := store.Open(ctx, store.Config{URL: database, MaxConns: 1})
		if err != nil {
			return err
		}
		defer closeDatabase(opened)
		return run(ctx, cmd, adminStore{Store: opened, origin: publicOrigin(settings)}, args)
	}
}

// publicOrigin is where people find Snug, as far as the settings tell.
func publicOrigin(settings Settings) string {
	if settings.PublicURL != "" {
		return settings.PublicURL.parsed().String()
	}
	host, port, err := net.SplitHostPort(string(settings.Listen))
	if err != nil || port == "0" {
		return "" // links are paths then
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	scheme := "http://"
	if settings.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

func oneUsername(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one username; see %s --help", cmd.CommandPath(), cmd.CommandPath())}
	}
	return nil
}

func checkRole(role string, allowed ...store.Role) error {
	if slices.Contains(allowed, store.Role(role)) {
		return nil
	}
	return usageError{fmt.Errorf("--role %q: must be one of %v", role, allowed)}
}

// choosePassword reads a password from the first line of in, or makes one up of 130 bits.
func choosePassword(in io.Reader, given bool) (string, error) {
	if !given {
		return rand.Text(), nil
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// plainly is an error of the store in one line, with what is wrong with which input.
func plainly(err error) error {
	var known *store.Error
	if !errors.As(err, &known) || len(known.Fields) == 0 {
		return err
	}
	var wrong []string
	for field, why := range known.Fields {
		wrong = append(wrong, field+" "+why)
	}
	slices.Sort(wrong)
	return errors.New(strings.Join(wrong, "; "))
}
