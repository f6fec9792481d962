package picture

import (
	"encoding/binary"
	"errors"
	"image/color"
	"image/gif"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

func pixels(width, height int) int64 { return int64(width) * int64(height) }

// inspectPNG reads the header: https://www.w3.org/TR/png-3/#11IHDR.
func inspectPNG(r *io.SectionReader, info *Info) error {
	config, err := png.DecodeConfig(r)
	if err != nil {
		return err
	}
	info.Width, info.Height = config.Width, config.Height
	info.cost = 4 * pixels(config.Width, config.Height)
	switch config.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model:
		info.cost *= 2
	}
	const interlaceAt = 28
	var interlaced [1]byte
	if _, err := r.ReadAt(interlaced[:], interlaceAt); err != nil {
		return err
	}
	if interlaced[0] != 0 {
		info.cost *= 2 // the passes are pictures of their own
	}
	return nil
}

func inspectGIF(r *io.SectionReader, info *Info) error {
	config, err := gif.DecodeConfig(r)
	info.Width, info.Height, info.cost = config.Width, config.Height, pixels(config.Width, config.Height)
	return err
}

// inspectWebP reads the size of the whole. The decoder takes none that says another size further inside.
func inspectWebP(r *io.SectionReader, info *Info) error {
	config, err := webp.DecodeConfig(r)
	info.Width, info.Height, info.cost = config.Width, config.Height, 5*pixels(config.Width, config.Height)
	return err
}

// mostSegments is how many parts of a JPEG are looked at before its size is said.
const mostSegments = 500

// inspectJPEG goes through the segments up to the one with the size: ITU-T T.81, annex B.
func inspectJPEG(r *io.SectionReader, info *Info) error {
	var head [4]byte
	at := int64(2) // behind the start of the image
	for range mostSegments {
		if _, err := r.ReadAt(head[:], at); err != nil {
			return err
		}
		marker, length := head[1], int64(binary.BigEndian.Uint16(head[2:]))
		switch {
		case head[0] != 0xFF:
			return errors.New("no marker where one should be")
		case marker == 0xFF: // fill bytes may come before a marker
			at++
			continue
		case marker == 0xD8, marker == 0x01, marker >= 0xD0 && marker <= 0xD7: // markers without a segment
			at += 2
			continue
		case length < 2:
			return errors.New("a segment without a length")
		case marker == 0xE1 && info.orientation == 1:
			info.orientation = exifOrientation(io.NewSectionReader(r, at+4, length-2))
		case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
			return inspectFrame(io.NewSectionReader(r, at+4, length-2), marker, info)
		case marker == 0xDA || marker == 0xD9:
			return errors.New("no size before the picture")
		}
		at += 2 + length
	}
	return errors.New("too many segments")
}

// inspectFrame reads the header of a frame.
func inspectFrame(r *io.SectionReader, marker byte, info *Info) error {
	frame := make([]byte, min(r.Size(), 6+3*4))
	if _, err := io.ReadFull(r, frame); err != nil || len(frame) < 9 {
		return errors.Join(errors.New("the frame's header is cut off"), err)
	}
	info.Height, info.Width = int(binary.BigEndian.Uint16(frame[1:])), int(binary.BigEndian.Uint16(frame[3:]))
	var samples, most int64 // how many values the parts have in a block of the finest
	for part := frame[6:]; len(part) >= 3; part = part[3:] {
		n := int64(part[1]>>4) * int64(part[1]&15)
		samples, most = samples+n, max(most, n)
	}
	if most == 0 {
		return errors.New("the frame has no parts")
	}
	info.cost = pixels(info.Width, info.Height) * samples / most
	const progressive = 0xC2
	if marker == progressive {
		info.cost *= 5 // the coefficients are kept, as int32
	}
	return nil
}

// exifOrientation reads how the camera was held, 1 to 8; 1 if that is not said. CIPA DC-008, and TIFF 6.0 for its form.
func exifOrientation(r *io.SectionReader) int {
	const header = "Exif\x00\x00"
	var begin [14]byte
	if _, err := r.ReadAt(begin[:], 0); err != nil || string(begin[:6]) != header {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(begin[6:8]) == "MM" {
		order = binary.BigEndian
	}
	at := int64(len(header)) + int64(order.Uint32(begin[10:]))
	var count [2]byte
	if _, err := r.ReadAt(count[:], at); err != nil {
		return 1
	}
	const orientationTag, entrySize = 0x0112, 12
	for i := range int64(order.Uint16(count[:])) {
		var entry [entrySize]byte
		if _, err := r.ReadAt(entry[:], at+2+i*entrySize); err != nil {
			return 1
		}
		if order.Uint16(entry[:]) == orientationTag {
			if o := int(order.Uint16(entry[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}
