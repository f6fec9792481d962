package picture

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quarters is a picture whose four quarters are red, green, blue and white.
func quarters(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i, colour := range colours {
		corner := image.Pt(i%2*width/2, i/2*height/2)
		draw.Draw(img, image.Rectangle{Min: corner, Max: image.Pt(width, height)}, image.NewUniform(colour), image.Point{}, draw.Src)
	}
	return img
}

var colours = []color.RGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}

func encoded(t testing.TB, kind string, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch kind {
	case "image/png":
		err = png.Encode(&out, img)
	case "image/jpeg":
		err = jpeg.Encode(&out, img, nil)
	case "image/gif":
		err = gif.Encode(&out, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withOrientation puts EXIF into a JPEG, with a secret beside.
func withOrientation(content []byte, order binary.AppendByteOrder, orientation uint16) []byte {
	tiff := map[binary.AppendByteOrder]string{binary.LittleEndian: "II", binary.BigEndian: "MM"}[order]
	exif := append([]byte("Exif\x00\x00"), tiff...)
	exif = order.AppendUint16(exif, 42)
	exif = order.AppendUint32(exif, 8)
	exif = order.AppendUint16(exif, 2)
	for _, entry := range [][3]uint16{{0x0111, 4, 0}, {0x0112, 3, orientation}} {
		exif = order.AppendUint16(exif, entry[0])
		exif = order.AppendUint16(exif, entry[1])
		exif = order.AppendUint32(exif, 1)
		exif = order.AppendUint16(exif, entry[2])
		exif = append(exif, 0, 0)
	}
	exif = append(exif, "taken at home"...)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(exif)+2))
	return bytes.Join([][]byte{content[:2], segment, exif, content[2:]}, nil)
}

// The smallest pictures in WebP's two formats: https://github.com/mathiasbynens/small.
var lossyWebP, losslessWebP = fromBase64("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"), fromBase64("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")

func fromBase64(text string) []byte {
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return content
}

func inspect(t testing.TB, content []byte, kind string) Info {
	t.Helper()
	info, err := Inspect(bytes.NewReader(content), int64(len(content)), kind)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

const plenty = 1 << 30

func thumb(t testing.TB, content []byte, kind string) (Made, error) {
	t.Helper()
	return NewMaker(plenty).Thumb(t.Context(), bytes.NewReader(content), int64(len(content)), inspect(t, content, kind))
}

func decoded(t testing.TB, m Made) image.Image {
	t.Helper()
	img, err := decode(bytes.NewReader(m.Bytes), m.Type)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestSizes(t *testing.T) {
	for _, kind := range []string{"image/png", "image/jpeg", "image/gif"} {
		if info := inspect(t, encoded(t, kind, quarters(300, 200)), kind); info.Width != 300 || info.Height != 200 || info.cost < 300*200 {
			t.Errorf("%s: %+v", kind, info)
		}
	}
	for _, content := range [][]byte{lossyWebP, losslessWebP} {
		if info := inspect(t, content, "image/webp"); info.Width != 1 || info.Height != 1 {
			t.Errorf("image/webp: %+v", info)
		}
		if _, err := thumb(t, content, "image/webp"); err != nil {
			t.Error(err)
		}
	}
}

func TestThumbsFit(t *testing.T) {
	for _, test := range []struct{ width, height, wantWidth, wantHeight int }{
		{1440, 720, 720, 360}, {600, 800, 540, 720}, {100, 50, 100, 50}, {10, 5000, 1, 720}, {721, 1, 720, 1}, {1, 1, 1, 1},
	} {
		for _, kind := range []string{"image/png", "image/jpeg"} {
			m, err := thumb(t, encoded(t, kind, quarters(test.width, test.height)), kind)
			if err != nil || m.Type != "image/jpeg" {
				t.Fatalf("%s, %v", m.Type, err)
			}
			if got := decoded(t, m).Bounds(); got.Dx() != test.wantWidth || got.Dy() != test.wantHeight {
				t.Errorf("of %d × %d: %v", test.width, test.height, got)
			}
		}
	}
	clear := quarters(90, 90)
	clear.Set(0, 0, color.Transparent)
	if m, err := thumb(t, encoded(t, "image/png", clear), "image/png"); err != nil || m.Type != "image/png" {
		t.Errorf("of one that something shows through: %s, %v", m.Type, err)
	}
}

// near reports whether a colour is one of the quarters', as JPEG leaves it.
func near(c color.Color, want color.RGBA) bool {
	r, g, b, _ := c.RGBA()
	off := func(got uint32, want uint8) bool { return max(int(got>>8), int(want))-min(int(got>>8), int(want)) > 60 }
	return !off(r, want.R) && !off(g, want.G) && !off(b, want.B)
}

// Pictures are shown as they were taken, however the camera was held, and tell nothing of where.
func TestOrientation(t *testing.T) {
	// Where the quarters of the content are shown: upper left, upper right, lower left, lower right.
	for orientation, want := range map[uint16][4]int{
		1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {3, 2, 1, 0}, 4: {2, 3, 0, 1}, 5: {0, 2, 1, 3}, 6: {2, 0, 3, 1}, 7: {3, 1, 2, 0}, 8: {1, 3, 0, 2},
		9: {0, 1, 2, 3}, 0: {0, 1, 2, 3},
	} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			content := withOrientation(encoded(t, "image/jpeg", quarters(120, 60)), order, orientation)
			info := inspect(t, content, "image/jpeg")
			if sideways := orientation > 4 && orientation < 9; (info.Width == 60) != sideways || (info.Height == 120) != sideways {
				t.Errorf("orientation %d is shown as %d × %d", orientation, info.Width, info.Height)
			}
			m, err := thumb(t, content, "image/jpeg")
			if err != nil || bytes.Contains(m.Bytes, []byte("Exif")) || bytes.Contains(m.Bytes, []byte("home")) {
				t.Fatalf("metadata is left: %v", err)
			}
			img := decoded(t, m)
			w, h := img.Bounds().Dx(), img.Bounds().Dy()
			var got [4]int
			for i, at := range []image.Point{{w / 4, h / 4}, {3 * w / 4, h / 4}, {w / 4, 3 * h / 4}, {3 * w / 4, 3 * h / 4}} {
				for n, c := range colours {
					if near(img.At(at.X, at.Y), c) {
						got[i] = n
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || w != info.Width || h != info.Height {
				t.Errorf("orientation %d (-want +got):\n%s", orientation, diff)
			}
		}
	}
}

func TestAvatarsAreSmallSquares(t *testing.T) {
	for _, kind := range []string{"image/png", "image/jpeg", "image/gif"} {
		content := encoded(t, kind, quarters(500, 300))
		m, err := NewMaker(plenty).Avatar(t.Context(), bytes.NewReader(content), int64(len(content)), inspect(t, content, kind))
		if err != nil {
			t.Fatal(err)
		}
		img := decoded(t, m)
		if b := img.Bounds(); b.Dx() != 256 || b.Dy() != 256 || len(m.Bytes) > 100_000 {
			t.Errorf("%s: %v, %d bytes", kind, b, len(m.Bytes))
		}
		if !near(img.At(32, 32), colours[0]) || !near(img.At(224, 224), colours[3]) {
			t.Errorf("%s: it is not the middle", kind)
		}
	}
}

// bomb is a PNG that claims to be large, and begins as if it were.
func bomb(width, height uint32) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, content []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(content)))
		out = append(append(out, kind...), content...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[len(out)-len(content)-4:]))
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(size, 8, 6, 0, 0, 0))
	var data bytes.Buffer
	w := zlib.NewWriter(&data)
	_, _ = w.Write(make([]byte, 1000))
	_ = w.Close()
	chunk("IDAT", data.Bytes())
	return out
}

// What would take much memory to decode is not decoded, whatever it claims.
func TestBombs(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, size := range [][2]uint32{{100_000, 100_000}, {1 << 30, 1}, {20_000, 20_000}} {
		content := bomb(size[0], size[1])
		if _, err := Inspect(bytes.NewReader(content), int64(len(content)), "image/png"); !errors.Is(err, ErrNoPicture) {
			t.Errorf("%v: %v", size, err)
		}
	}
	content := bomb(10_000, 10_000) // one may look at it elsewhere
	_, err := NewMaker(64<<20).Thumb(t.Context(), bytes.NewReader(content), int64(len(content)), inspect(t, content, "image/png"))
	if !errors.Is(err, ErrNoPicture) {
		t.Errorf("%v", err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("%d MB were used", grown>>20)
	}
}

// What is claimed to be needed for a picture is about what it needs.
func TestCosts(t *testing.T) {
	rgb := quarters(600, 400)
	deep := image.NewNRGBA64(rgb.Bounds())
	for name, content := range map[string][]byte{"png": encoded(t, "image/png", rgb), "deep png": encoded(t, "image/png", deep), "jpeg": encoded(t, "image/jpeg", rgb)} {
		kind := "image/png"
		if name == "jpeg" {
			kind = "image/jpeg"
		}
		info := inspect(t, content, kind)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := decode(bytes.NewReader(content), kind); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if used := int64(after.TotalAlloc - before.TotalAlloc); used > info.cost+info.cost/2 || used < info.cost/4 {
			t.Errorf("%s takes %d kB, and %d were expected", name, used>>10, info.cost>>10)
		}
	}
}

func TestOnePictureAtATime(t *testing.T) {
	m := NewMaker(plenty)
	m.turn <- struct{}{}
	content := encoded(t, "image/png", quarters(10, 10))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.Thumb(ctx, bytes.NewReader(content), int64(len(content)), inspect(t, content, "image/png")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	<-m.turn
	if _, err := m.Thumb(t.Context(), bytes.NewReader(content), int64(len(content)), inspect(t, content, "image/png")); err != nil {
		t.Error(err)
	}
}

// Whatever is uploaded, it is answered, and in no more memory than was said.
func FuzzThumb(f *testing.F) {
	kinds := []string{"image/png", "image/jpeg", "image/gif", "image/webp", "text/html"}
	for i, kind := range kinds[:3] {
		f.Add(uint8(i), encoded(f, kind, quarters(8, 6)))
	}
	f.Add(uint8(1), withOrientation(encoded(f, "image/jpeg", quarters(8, 6)), binary.BigEndian, 6))
	f.Add(uint8(3), lossyWebP)
	f.Add(uint8(3), losslessWebP)
	f.Add(uint8(0), bomb(100_000, 100_000))
	f.Fuzz(func(t *testing.T, kind uint8, content []byte) {
		mediaType := kinds[int(kind)%len(kinds)]
		info, err := Inspect(bytes.NewReader(content), int64(len(content)), mediaType)
		if err != nil {
			if !errors.Is(err, ErrNoPicture) {
				t.Error(err)
			}
			return
		}
		made, err := NewMaker(8<<20).Avatar(t.Context(), bytes.NewReader(content), int64(len(content)), info)
		if err != nil {
			if !errors.Is(err, ErrNoPicture) {
				t.Error(err)
			}
			return
		}
		if b := decoded(t, made).Bounds(); b.Dx() != avatarSide || b.Dy() != avatarSide {
			t.Error(fmt.Sprint(b))
		}
	})
}
