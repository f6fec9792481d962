package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Proxies are the peers that are believed where a request came from. Of what anybody else says, nothing counts.
type Proxies []netip.Prefix

// privateNetworks are what the word "private" stands for: addresses that no packet from the internet has.
var privateNetworks = Proxies{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), // loopback: RFC 1122, RFC 4291
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), // RFC 1918
	netip.MustParsePrefix("fc00::/7"),                                           // unique local: RFC 4193
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"), // link-local: RFC 3927, RFC 4291
}

// ParseProxies reads a list like "10.0.0.0/8, 192.168.1.5, fd00::/8, private". An empty text is nobody.
func ParseProxies(text string) (Proxies, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var proxies Proxies
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "private" {
			proxies = append(proxies, privateNetworks...)
			continue
		}
		network, err := parseNetwork(entry)
		if err != nil {
			return nil, fmt.Errorf("%q %w; allowed is a list like 10.0.0.0/8, 192.168.1.5, fd00::/8 or the word private", entry, err)
		}
		proxies = append(proxies, network)
	}
	return proxies, nil
}

// parseNetwork reads an address or a network.
func parseNetwork(entry string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(entry)
	if err != nil {
		addr, err := netip.ParseAddr(entry)
		if err != nil {
			return netip.Prefix{}, errors.New("is neither an address nor a network")
		}
		if addr.Zone() != "" {
			return netip.Prefix{}, errors.New("must be without a zone")
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	if addr := network.Addr(); addr.Is4In6() {
		network = netip.PrefixFrom(addr.Unmap(), max(0, network.Bits()-96))
	}
	if network.Bits() == 0 {
		return netip.Prefix{}, errors.New("is everybody, and would let each client claim any address")
	}
	return network.Masked(), nil
}

func (p Proxies) contain(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// client finds who sent a request that came from peer with these lines of X-Forwarded-For, to which each proxy has
// appended whom it got the request from. They are walked from the end, as long as a proxy that is believed has written
// them; whoever it got the request from is the client, and what stands before is that one's own word. Who wrote what is
// no address is the client, too.
func (p Proxies) client(peer netip.Addr, lines []string) netip.Addr {
	client := plain(peer)
	for line := len(lines) - 1; line >= 0; line-- {
		for rest, found := lines[line], true; found; {
			if !p.contain(client) {
				return client
			}
			var entry string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, entry = rest[:comma], rest[comma+1:]
			} else {
				entry, found = rest, false
			}
			addr, ok := parseHop(entry)
			if !ok {
				return client
			}
			client = addr
		}
	}
	return client
}

// parseHop reads an entry of X-Forwarded-For: an address, for some proxies with a port: 1.2.3.4:5678 or [::1]:80.
func parseHop(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if addr, err := netip.ParseAddr(entry); err == nil {
		return plain(addr), true
	}
	if addr, err := netip.ParseAddrPort(entry); err == nil {
		return plain(addr.Addr()), true
	}
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			addr, err := netip.ParseAddr(inner)
			return plain(addr), err == nil && addr.Is6()
		}
	}
	return netip.Addr{}, false
}

// plain is the one form of an address: no IPv4 address mapped to IPv6, as dual-stack sockets have them, and no zone.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// lastOf is the last value of a header that is a list: the one that the nearest proxy has written.
func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.Trim(line[strings.LastIndexByte(line, ',')+1:], " \t")
}

// isHost reports whether a text can stand as the host of a URL.
func isHost(text string) bool {
	u, err := url.Parse("http://" + text)
	return err == nil && text != "" && u.Host == text
}

// proxyHint tells the log once that a proxy seems to be there which is not believed.
type proxyHint struct {
	once sync.Once
	log  *slog.Logger
}

// notice is told of peers that are not believed, but name another client.
func (h *proxyHint) notice(peer netip.Addr) {
	if !privateNetworks.contain(peer) {
		return // a client that makes things up
	}
	h.once.Do(func() {
		h.log.Warn(fmt.Sprintf("requests come from %s with X-Forwarded-For, which is not believed: all logins through it count as from one address; "+
			"if that is your proxy, set SNUG_TRUSTED_PROXIES to %s, to its network, or to private", peer, peer))
	})
}
