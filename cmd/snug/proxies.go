package main

import "snug/chat"

// proxyList names the peers that are believed where a request came from: see chat.ParseProxies.
type proxyList string

func (p *proxyList) UnmarshalText(text []byte) error {
	if _, err := chat.ParseProxies(string(text)); err != nil {
		return settingError{err.Error()}
	}
	*p = proxyList(text)
	return nil
}
