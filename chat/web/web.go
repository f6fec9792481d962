// Package web holds the web client: HTML, CSS and ES modules, served as they are.
package web

import "embed"

// Files are the client's files, index.html at the root.
//
//go:embed index.html manifest.webmanifest css icons js
var Files embed.FS
