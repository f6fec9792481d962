package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A setting NAME is given by the variable NAME, or by one of two that hold the path of a file with its value: NAME_FILE,
// as in Docker's own images, and FILE__NAME, as in those of linuxserver.io.
const (
	fileSuffix = "_FILE"
	filePrefix = "FILE__"
)

// fileVariables are the variables that give a setting by a file.
func fileVariables(name string) []string { return []string{name + fileSuffix, filePrefix + name} }

// settingOf is the setting that a variable gives, in whichever spelling.
func settingOf(variable string) string {
	return strings.TrimSuffix(strings.TrimPrefix(variable, filePrefix), fileSuffix)
}

// variableName is the name in NAME=VALUE.
func variableName(variable string) string {
	name, _, _ := strings.Cut(variable, "=")
	return name
}

// readSettingFiles adds to the variables the settings that were given by a file, and returns which those are.
func readSettingFiles(variables map[string]string) (fromFiles map[string]string, err error) {
	fromFiles = map[string]string{}
	for _, name := range settingNames() {
		for _, variant := range fileVariables(name) {
			path := variables[variant]
			if path == "" {
				continue
			}
			if variables[name] != "" {
				return nil, fmt.Errorf("both %s and %s are set; keep one", name, variant)
			}
			value, err := readSettingFile(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", variant, err)
			}
			variables[name], fromFiles[name] = value, value
		}
	}
	return fromFiles, nil
}

// longestSetting bounds what is read of a file that was named by mistake.
const longestSetting = 64 * kB

// readSettingFile reads a value without the end of its last line. An empty one is no value: it would stand for the
// default, which is not what somebody means who names a file.
func readSettingFile(path string) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("user %d may not read %s: start Snug as root, and it reads the file before it becomes another user; or let the user read it, with `chown %d %s`",
			os.Geteuid(), path, os.Geteuid(), path)
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, longestSetting+1))
	if err != nil {
		return "", err
	}
	if fd, err := strconv.Atoi(strings.TrimPrefix(path, ownFiles)); err == nil && filepath.Dir(path) == filepath.Clean(ownFiles) {
		unix.CloseOnExec(fd) // it was meant for us, not for who we start
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case value == "":
		return "", fmt.Errorf("%s is empty", path)
	case len(content) > longestSetting || strings.ContainsRune(value, 0):
		return "", fmt.Errorf("%s holds no setting: a text of at most %s is expected", path, formatBytes(longestSetting))
	}
	return value, nil
}
