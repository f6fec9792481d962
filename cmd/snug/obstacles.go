package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func ourselves() identity { return identity{os.Geteuid(), os.Getegid()} }

// obstacles are the files that the user may not read and the folders on the way there that the user may not pass, links
// followed, by the permissions of path_resolution(7). What lies behind an obstacle is seen only by root. Files have absolute
// paths; one without a path is none.
func obstacles(who identity, files ...string) (found []string) {
	for _, file := range files {
		if file == "" {
			continue
		}
		ways := []string{file}
		if target, err := filepath.EvalSymlinks(file); err == nil && target != file {
			ways = append(ways, target)
		}
		for _, way := range ways {
			for _, step := range append(foldersAbove(way), way) {
				if info, err := os.Stat(step); err == nil && !mayEnter(info, who) && !slices.Contains(found, step) {
					found = append(found, step)
				}
			}
		}
	}
	return found
}

// foldersAbove are the folders on the way to a path, from the root on.
func foldersAbove(path string) []string {
	var above []string
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		above = append(above, folder)
		if folder == "/" {
			break
		}
	}
	slices.Reverse(above)
	return above
}

// mayEnter says whether a user may pass a folder, or read a file.
func mayEnter(info fs.FileInfo, who identity) bool {
	wanted := fs.FileMode(0o4)
	if info.IsDir() {
		wanted = 0o1
	}
	owner := info.Sys().(*syscall.Stat_t)
	switch {
	case int(owner.Uid) == who.uid:
		return info.Mode()&(wanted<<6) != 0
	case int(owner.Gid) == who.gid:
		return info.Mode()&(wanted<<3) != 0
	default:
		return info.Mode()&wanted != 0
	}
}

// letRead is the command that takes obstacles away. It gives them to a group, which certbot keeps when it renews a key, as it
// does not keep an access control list.
func letRead(obstacles []string, who identity) string {
	paths := strings.Join(obstacles, " ")
	command := fmt.Sprintf("run `chgrp %d %s && chmod g+rX %s` as root", who.gid, paths, paths)
	if inContainer() {
		command += ", on the host for what is mounted from there"
	}
	return command
}
