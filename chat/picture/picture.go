// Package picture makes small pictures of those that people upload, without trusting them: what a picture says of its size
// is read first, and one that would take more memory than it may is not decoded. What is made has no metadata of what it was
// made of.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// The sizes of what is made, in pixels.
const (
	thumbSide  = 720 // a thumbnail fits into a square of this
	avatarSide = 256
)

// mostPixels is how many pixels a picture may claim to have. One with more is no picture to us, and is shown to nobody as
// one: browsers would have to decode it.
const mostPixels = 100 << 20

// ErrNoPicture says that something is no picture that we can read, or one that is too large.
var ErrNoPicture = errors.New("this is no PNG, JPEG, GIF or WebP picture that can be read")

// Info is what a picture says of itself.
type Info struct {
	Width, Height int // in pixels, as it is shown
	kind          string
	orientation   int   // of EXIF, 1 to 8
	cost          int64 // bytes that it takes to decode it
}

// Inspect reads what a picture of a media type says of itself, without decoding it.
func Inspect(r io.ReaderAt, size int64, mediaType string) (Info, error) {
	info := Info{kind: mediaType, orientation: 1}
	inspect := map[string]func(*io.SectionReader, *Info) error{
		"image/png": inspectPNG, "image/jpeg": inspectJPEG, "image/gif": inspectGIF, "image/webp": inspectWebP,
	}[mediaType]
	if inspect == nil {
		return Info{}, ErrNoPicture
	}
	if err := inspect(io.NewSectionReader(r, 0, size), &info); err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrNoPicture, err)
	}
	if info.Width <= 0 || info.Height <= 0 || int64(info.Width)*int64(info.Height) > mostPixels {
		return Info{}, fmt.Errorf("%w: %d × %d pixels", ErrNoPicture, info.Width, info.Height)
	}
	if info.orientation > 4 { // lies on its side
		info.Width, info.Height = info.Height, info.Width
	}
	return info, nil
}

// Maker makes small pictures, one at a time: decoding takes memory.
type Maker struct {
	memory int64
	turn   chan struct{} // holds one while one is made
}

// NewMaker returns a maker that decodes pictures into so many bytes at most.
func NewMaker(memory int64) *Maker { return &Maker{memory: memory, turn: make(chan struct{}, 1)} }

// Made is an encoded picture.
type Made struct {
	Type  string // image/jpeg, or image/png if something shows through
	Bytes []byte
}

// Thumb makes a picture small. It returns [ErrNoPicture] of what cannot be made small: animations too, which are best shown
// as they are.
func (m *Maker) Thumb(ctx context.Context, r io.ReaderAt, size int64, info Info) (Made, error) {
	if info.kind == "image/gif" {
		return Made{}, fmt.Errorf("%w: it may move", ErrNoPicture)
	}
	return m.make(ctx, r, size, info, func(img image.Image) image.Image { return fit(img, thumbSide, thumbSide) })
}

// Avatar makes the middle of a picture a small square.
func (m *Maker) Avatar(ctx context.Context, r io.ReaderAt, size int64, info Info) (Made, error) {
	return m.make(ctx, r, size, info, func(img image.Image) image.Image {
		b := img.Bounds()
		side := min(b.Dx(), b.Dy())
		corner := b.Min.Add(image.Pt((b.Dx()-side)/2, (b.Dy()-side)/2))
		return scale(img, image.Rectangle{Min: corner, Max: corner.Add(image.Pt(side, side))}, avatarSide, avatarSide)
	})
}

func (m *Maker) make(ctx context.Context, r io.ReaderAt, size int64, info Info, shrink func(image.Image) image.Image) (Made, error) {
	if info.cost > m.memory {
		return Made{}, fmt.Errorf("%w: decoding it takes %d MB", ErrNoPicture, info.cost>>20)
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return Made{}, ctx.Err()
	}
	img, err := decode(io.NewSectionReader(r, 0, size), info.kind)
	if err != nil {
		return Made{}, fmt.Errorf("%w: %w", ErrNoPicture, err)
	}
	return encode(turn(shrink(img), info.orientation))
}

func decode(r io.Reader, kind string) (image.Image, error) {
	switch kind {
	case "image/png":
		return png.Decode(r)
	case "image/jpeg":
		return jpeg.Decode(r)
	case "image/gif":
		return gif.Decode(r) // the first picture of it
	}
	return webp.Decode(r)
}

// fit makes a picture so small that it fits; a smaller one stays as it is.
func fit(img image.Image, width, height int) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if w > width {
		w, h = width, max(1, h*width/w)
	}
	if h > height {
		w, h = max(1, w*height/h), height
	}
	return scale(img, b, w, h)
}

// scale draws a part of a picture at another size. To be a good deal smaller it is halved first, again and again: half the
// size is the mean of four pixels each, where a larger step would leave pixels out.
func scale(img image.Image, part image.Rectangle, width, height int) image.Image {
	for part.Dx() >= 2*width && part.Dy() >= 2*height {
		half := image.NewRGBA(image.Rect(0, 0, part.Dx()/2, part.Dy()/2))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), img, part, draw.Src, nil)
		img, part = half, half.Bounds()
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, part, draw.Src, nil)
	return out
}

// turn shows a picture as EXIF's orientation wants it: CIPA DC-008, "Orientation".
func turn(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation > 4 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch orientation {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			out.Set(tx, ty, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}

func encode(img image.Image) (Made, error) {
	var out bytes.Buffer
	if opaque, ok := img.(interface{ Opaque() bool }); ok && opaque.Opaque() {
		err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 82})
		return Made{Type: "image/jpeg", Bytes: out.Bytes()}, err
	}
	err := png.Encode(&out, img)
	return Made{Type: "image/png", Bytes: out.Bytes()}, err
}
