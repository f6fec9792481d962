package peers

import (
	"embed"
	"io/fs"
	"os"
)

//go:embed socketio
var files embed.FS

// CopySocketIO writes the program of the peer on Node to a folder: server.js, and what npm is to install for it.
func CopySocketIO(dir string) error {
	program, err := fs.Sub(files, "socketio")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, program)
}
