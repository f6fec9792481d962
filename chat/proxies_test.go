package chat_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"snug/chat"
)

func mustParseProxies(t testing.TB, text string) chat.Proxies {
	t.Helper()
	proxies, err := chat.ParseProxies(text)
	if err != nil {
		t.Fatal(err)
	}
	return proxies
}

func TestParseProxies(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		" ":                                    "",
		"192.168.1.5":                          "192.168.1.5/32",
		"10.0.0.0/8, 192.168.1.5 ,fd00::/8":    "10.0.0.0/8 192.168.1.5/32 fd00::/8",
		"10.1.2.3/8":                           "10.0.0.0/8",
		"2001:db8::1":                          "2001:db8::1/128",
		"::ffff:10.0.0.1":                      "10.0.0.1/32",
		"::ffff:10.0.0.0/104":                  "10.0.0.0/8",
		"private":                              "127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 169.254.0.0/16 fe80::/10",
		"203.0.113.7,private":                  "203.0.113.7/32 127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 169.254.0.0/16 fe80::/10",
		"128.0.0.0/1":                          "128.0.0.0/1",
		"10.0.0.0/8,10.0.0.0/8, 10.0.0.0/8   ": "10.0.0.0/8 10.0.0.0/8 10.0.0.0/8",
	} {
		var got []string
		for _, network := range mustParseProxies(t, text) {
			got = append(got, network.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is %v, want %s", text, got, want)
		}
	}
}

func TestWrongProxiesAreRefusedInWords(t *testing.T) {
	for text, want := range map[string]string{
		"nginx":             `"nginx" is neither an address nor a network; allowed is a list like`,
		"10.0.0.0/8,":       `"" is neither`,
		"10.0.0.0/8 fd00::": `"10.0.0.0/8 fd00::" is neither`,
		"10.0.0.0/33":       `"10.0.0.0/33" is neither`,
		"10.0.0":            `"10.0.0" is neither`,
		"1.2.3.4:80":        `"1.2.3.4:80" is neither`,
		"Private":           `"Private" is neither`,
		"fe80::1%eth0":      `"fe80::1%eth0" must be without a zone`,
		"0.0.0.0/0":         `"0.0.0.0/0" is everybody, and would let each client claim any address`,
		"private, ::/0":     `"::/0" is everybody`,
		"::ffff:0:0/96":     `"::ffff:0:0/96" is everybody`,
		"::ffff:0:0/80":     `"::ffff:0:0/80" is everybody`,
	} {
		if _, err := chat.ParseProxies(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

func TestClientBehindProxies(t *testing.T) {
	const trusted = "10.0.0.0/8, 192.168.1.5, fd00::/8"
	for _, test := range []struct {
		name, proxies, peer string
		lines               []string
		want                string
	}{
		{"nobody is believed", "", "10.0.0.1", []string{"203.0.113.9"}, "10.0.0.1"},
		{"a stranger is not", trusted, "198.51.100.1", []string{"203.0.113.9"}, "198.51.100.1"},
		{"the neighbour of one that is", trusted, "192.168.1.6", []string{"203.0.113.9"}, "192.168.1.6"},
		{"one proxy", trusted, "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy without the header", trusted, "10.0.0.1", nil, "10.0.0.1"},
		{"forged in front", trusted, "10.0.0.1", []string{"1.1.1.1, 203.0.113.9"}, "203.0.113.9"},
		{"a proxy's address forged in front", trusted, "10.0.0.1", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", trusted, "192.168.1.5", []string{"1.1.1.1, 203.0.113.9, 10.0.0.1"}, "203.0.113.9"},
		{"two proxies, and one that is not believed", trusted, "10.0.0.1", []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"a client in the same network", trusted, "10.0.0.1", []string{"10.0.0.7"}, "10.0.0.7"},
		{"several lines", trusted, "10.0.0.1", []string{"1.1.1.1", "203.0.113.9, 10.0.0.2", "10.0.0.3"}, "203.0.113.9"},
		{"a word", trusted, "10.0.0.1", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"a word before a proxy", trusted, "10.0.0.1", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"nothing", trusted, "10.0.0.1", []string{""}, "10.0.0.1"},
		{"nothing at the end", trusted, "10.0.0.1", []string{"203.0.113.9,"}, "10.0.0.1"},
		{"an empty line between", trusted, "10.0.0.1", []string{"203.0.113.9", "", "10.0.0.2"}, "10.0.0.2"},
		{"an IPv4 port", trusted, "10.0.0.1", []string{"203.0.113.9:5678"}, "203.0.113.9"},
		{"an IPv6 port", trusted, "10.0.0.1", []string{"[2001:db8::1]:80"}, "2001:db8::1"},
		{"brackets", trusted, "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"brackets around IPv4", trusted, "10.0.0.1", []string{"[203.0.113.9]"}, "10.0.0.1"},
		{"a port that is none", trusted, "10.0.0.1", []string{"203.0.113.9:99999"}, "10.0.0.1"},
		{"spaces and tabs", trusted, "10.0.0.1", []string{"1.1.1.1 ,\t 203.0.113.9 \t"}, "203.0.113.9"},
		{"a mapped peer", trusted, "::ffff:10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a mapped entry", trusted, "10.0.0.1", []string{"203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9"},
		{"a mapped client", trusted, "10.0.0.1", []string{"[::ffff:203.0.113.9]:80"}, "203.0.113.9"},
		{"a peer with a zone", "fe80::/10", "fe80::1%eth0", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a client with a zone", trusted, "10.0.0.1", []string{"fe80::2%eth0"}, "fe80::2"},
		{"a stranger with a zone", trusted, "fe80::1%eth0", []string{"203.0.113.9"}, "fe80::1"},
		{"a network of one family is none of the other", "::/1", "10.0.0.1", []string{"203.0.113.9"}, "10.0.0.1"},
		{"the word private", "private", "172.18.0.2", []string{"203.0.113.9, 192.168.1.1"}, "203.0.113.9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := chat.ClientOf(mustParseProxies(t, test.proxies), netip.MustParseAddr(test.peer), test.lines)
			if got.String() != test.want {
				t.Errorf("the client is %s, want %s", got, test.want)
			}
		})
	}
}

// Whatever somebody sends through proxies that are believed, each of which appends whom it got the request from, by a comma
// or a line, the address is that somebody's own.
func TestNothingThatAClientSendsChangesItsAddress(t *testing.T) {
	proxies := mustParseProxies(t, "private")
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`(10\.0\.0\.[0-9], ?){0,3}(203\.0\.113\.[0-9])?`)), 0, 4).Draw(t, "forged")
		client := strange(t)
		hops := append([]netip.Addr{client}, rapid.SliceOfN(rapid.Custom(trusted), 1, 4).Draw(t, "proxies")...)
		for _, from := range hops[:len(hops)-1] {
			entry := rapid.SampledFrom([]string{from.String(), netip.AddrPortFrom(from, 4711).String()}).Draw(t, "entry")
			if len(lines) == 0 || rapid.Bool().Draw(t, "as a line of its own") {
				lines = append(lines, entry)
			} else {
				lines[len(lines)-1] += rapid.SampledFrom([]string{",", ", ", "\t,  "}).Draw(t, "comma") + entry
			}
		}
		if got := chat.ClientOf(proxies, hops[len(hops)-1], lines); got != client {
			t.Fatalf("%q is from %s, want %s", lines, got, client)
		}
		if got := chat.ClientOf(proxies, client, lines); got != client {
			t.Fatalf("%q, sent past the proxies, is from %s, want %s", lines, got, client)
		}
	})
}

// strange is an address outside of the private networks, trusted one within.
func strange(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "IPv6") {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: rapid.Byte().Draw(t, "host")})
	}
	return netip.AddrFrom4([4]byte{203, 0, 113, rapid.Byte().Draw(t, "host")})
}

func trusted(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "IPv6") {
		return netip.AddrFrom16([16]byte{0xfd, 15: rapid.Byte().Draw(t, "host")})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "host")})
}

// Whatever stands in the header, the client is the peer or an address that stands there, in its one form.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"203.0.113.9", "1.1.1.1, 10.0.0.2\n10.0.0.3", "[::1]:80", "::ffff:10.0.0.1", "fe80::1%a,b", ",,", "[", "]:1"} {
		f.Add("10.0.0.1", seed)
	}
	proxies := mustParseProxies(f, "private")
	f.Fuzz(func(t *testing.T, peerText, header string) {
		peer, err := netip.ParseAddr(peerText)
		if err != nil {
			return
		}
		got, bare := chat.ClientOf(proxies, peer, strings.Split(header, "\n")), peer.Unmap().WithZone("")
		if got.Is4In6() || got.Zone() != "" || !got.IsValid() {
			t.Errorf("%s with %q: %s is not in its one form", peer, header, got)
		}
		believed := slices.ContainsFunc(proxies, func(n netip.Prefix) bool { return n.Contains(bare) })
		if got != bare && (!believed || !names(header, got)) {
			t.Errorf("%s with %q came from %s", peer, header, got)
		}
	})
}

// names reports whether an address stands somewhere in a header.
func names(header string, addr netip.Addr) bool {
	return slices.ContainsFunc(strings.FieldsFunc(header, func(r rune) bool { return strings.ContainsRune(", \t\n", r) }), func(entry string) bool {
		if port, err := netip.ParseAddrPort(entry); err == nil {
			return port.Addr().Unmap().WithZone("") == addr
		}
		alone, err := netip.ParseAddr(strings.Trim(entry, "[]"))
		return err == nil && alone.Unmap().WithZone("") == addr
	})
}

func FuzzParseProxies(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8, 192.168.1.5, fd00::/8", "private", "::ffff:10.0.0.0/104", "0.0.0.0/0", "fe80::1%eth0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		proxies, err := chat.ParseProxies(text)
		if err != nil && len(proxies) > 0 {
			t.Errorf("%q: both %v and %v", text, proxies, err)
		}
		for _, network := range proxies {
			if !network.IsValid() || network != network.Masked() || network.Bits() < 1 || network.Addr().Is4In6() {
				t.Errorf("%q has the network %s", text, network)
			}
		}
	})
}
