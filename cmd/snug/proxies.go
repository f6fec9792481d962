package main

import "snug/chat"

// trustedProxies are the peers that are believed where a request came from: see chat.ParseProxies.
type trustedProxies string

func (p *trustedProxies) UnmarshalText(text []byte) error {
	if _, err := chat.ParseProxies(string(text)); err != nil {
		return settingError{err.Error()}
	}
	*p = trustedProxies(text)
	return nil
}
