package main

// The sizes that may be set for uploads. More than a terabyte is a mistake.
const (
	leastUpload = 1 * mB
	mostUpload  = 1 << 40
)

// uploadSize is how large files may be, in bytes.
type uploadSize int64

func (u *uploadSize) UnmarshalText(text []byte) error {
	n, ok := parseSize(string(text))
	if !ok || n < leastUpload || n > mostUpload {
		return settingError{"must be a size from " + formatBytes(leastUpload) + " to " + formatBytes(mostUpload) + ", such as 25MB or 2GB"}
	}
	*u = uploadSize(n)
	return nil
}

func (u uploadSize) String() string { return formatBytes(int64(u)) }
