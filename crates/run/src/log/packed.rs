//! A compressed log: Zstandard frames of 256 KiB of text each, and their table at the end, in the "seekable format" of
//! Zstandard's own contributions: `zstd -dc` reads the whole, and we read any part without what stands before it.
//!
//! The agent makes it after the run. The wrapper does not compress: a job must not wait for it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Text in one frame, in bytes.
pub(super) const FRAME: usize = 256 << 10;
/// Most frames that a table may name: far more than a log can have.
const FRAMES: u32 = 1 << 16;
/// A frame that decoders pass over, with 0xE for its number (Zstandard, RFC 8878 section 3.1.2).
const SKIPPABLE: u32 = 0x184D_2A5E;
/// The last four bytes of a file with a table.
const SEEKABLE: u32 = 0x8F92_EAB1;
/// Bytes behind the entries: how many there are, a byte without flags, the magic number.
const FOOTER: u64 = 9;

/// One frame: where it is in the file, and which part of the text it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    at: u64,
    bytes: u32,
    text_at: u64,
    text: u32,
}

/// A compressed log that can be read from any place.
#[derive(Debug)]
pub(super) struct Packed {
    file: File,
    frames: Vec<Frame>,
}

impl Packed {
    /// Reads the table.
    ///
    /// # Errors
    /// When the file cannot be read or has no table that fits it.
    pub(super) fn open(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut footer = [0; FOOTER as usize];
        file.read_exact_at(&mut footer, size.checked_sub(FOOTER).ok_or_else(broken)?)?;
        let count = number(&footer, 0);
        if number(&footer, 5) != SEEKABLE || footer[4] != 0 || count > FRAMES {
            return Err(broken());
        }
        let table = u64::from(count) * 8;
        let start = size.checked_sub(table + FOOTER).ok_or_else(broken)?;
        let mut entries = vec![0; usize::try_from(table).map_err(|_| broken())?];
        file.read_exact_at(&mut entries, start)?;
        let (mut at, mut text_at) = (0, 0);
        let mut frames = Vec::with_capacity(entries.len() / 8);
        for entry in entries.chunks_exact(8) {
            let frame = Frame { at, bytes: number(entry, 0), text_at, text: number(entry, 4) };
            at += u64::from(frame.bytes);
            text_at += u64::from(frame.text);
            frames.push(frame);
        }
        // The table's own head of eight bytes stands between the frames and the entries.
        if at + 8 != start || frames.iter().any(|frame| frame.text as usize > FRAME) {
            return Err(broken());
        }
        Ok(Self { file, frames })
    }

    /// Bytes of text.
    pub(super) fn size(&self) -> u64 {
        self.frames.last().map_or(0, |last| last.text_at + u64::from(last.text))
    }

    /// Reads text from `offset` on, at most `limit` bytes, less only at the end.
    ///
    /// # Errors
    /// When the file cannot be read or is not what its table says.
    pub(super) fn read(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let end = offset.saturating_add(limit as u64);
        let mut text = Vec::new();
        for frame in &self.frames {
            let frame_end = frame.text_at + u64::from(frame.text);
            if frame_end <= offset || frame.text_at >= end {
                continue;
            }
            let whole = self.unpack(*frame)?;
            let within = |place: u64| usize::try_from(place.saturating_sub(frame.text_at)).unwrap_or(0);
            let part = whole.get(within(offset)..within(end.min(frame_end))).ok_or_else(broken)?;
            text.extend_from_slice(part);
        }
        Ok(text)
    }

    fn unpack(&self, frame: Frame) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; frame.bytes as usize];
        self.file.read_exact_at(&mut bytes, frame.at)?;
        let text = unpack(&bytes, frame.text as usize)?;
        if text.len() == frame.text as usize { Ok(text) } else { Err(broken()) }
    }
}

/// Compresses what `text` holds into `to`, one frame at a time; `room` is asked before each write of so many bytes.
/// Every frame is read back before it is written. How many bytes were written.
///
/// # Errors
/// When either cannot be used, there is no room, or a frame does not read back as it was.
pub(super) fn pack(
    text: &mut dyn Read,
    to: &mut dyn Write,
    room: &mut dyn FnMut(u64) -> bool,
) -> io::Result<u64> {
    let mut write = |bytes: &[u8]| {
        if !room(bytes.len() as u64) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        to.write_all(bytes)
    };
    let (mut entries, mut count, mut written) = (Vec::new(), 0_u32, 0);
    let mut piece = Vec::with_capacity(FRAME);
    loop {
        piece.clear();
        (&mut *text).take(FRAME as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            break;
        }
        let frame = compress_to_vec(piece.as_slice(), CompressionLevel::Fastest);
        if unpack(&frame, piece.len())? != piece {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame does not read back as it was"));
        }
        for length in [frame.len(), piece.len()] {
            entries.extend_from_slice(&u32::try_from(length).map_err(|_| broken())?.to_le_bytes());
        }
        count += 1;
        written += frame.len() as u64;
        write(&frame)?;
    }
    let length = u32::try_from(entries.len() as u64 + FOOTER).map_err(|_| broken())?;
    let mut table = [SKIPPABLE.to_le_bytes(), length.to_le_bytes()].concat();
    table.extend_from_slice(&entries);
    table.extend_from_slice(&count.to_le_bytes());
    table.push(0);
    table.extend_from_slice(&SEEKABLE.to_le_bytes());
    write(&table)?;
    Ok(written + table.len() as u64)
}

/// At most one byte more than `text`, so that a frame that holds more than it should is noticed and not read on.
fn unpack(frame: &[u8], text: usize) -> io::Result<Vec<u8>> {
    let decoder =
        StreamingDecoder::new(frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut found = Vec::with_capacity(text + 1);
    decoder.take(text as u64 + 1).read_to_end(&mut found)?;
    Ok(found)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_le_bytes(four.unwrap_or_default())
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a compressed log, or a damaged one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("r.log.zst");
        let mut file = File::create(&path).expect("made");
        let size = pack(&mut &*text, &mut file, &mut |_| true).expect("packed");
        (folder, path, size)
    }

    fn text() -> Vec<u8> {
        (0..60_000)
            .flat_map(|n: u32| format!("line {n} of {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn any_part_reads_as_it_was() {
        let text = text();
        let (_folder, path, size) = packed(&text);
        assert_eq!(std::fs::metadata(&path).expect("there").len(), size);
        assert!(size < text.len() as u64 / 2, "{size} of {}", text.len());
        let packed = Packed::open(File::open(&path).expect("there")).expect("a table");
        assert_eq!(packed.size(), text.len() as u64);
        for (from, to) in [
            (0, text.len()),
            (0, 1),
            (FRAME - 1, FRAME + 1),
            (FRAME, 2 * FRAME),
            (text.len() - 5, text.len()),
        ] {
            assert_eq!(packed.read(from as u64, to - from).expect("read"), text[from..to], "{from}..{to}");
        }
        assert_eq!(packed.read(text.len() as u64 - 5, 100).expect("read").len(), 5);
        assert_eq!(packed.read(u64::MAX, 100).expect("read"), b"");
    }

    #[test]
    fn an_empty_log_packs_to_an_empty_log() {
        let (_folder, path, _) = packed(b"");
        let packed = Packed::open(File::open(path).expect("there")).expect("a table");
        assert_eq!((packed.size(), packed.read(0, 10).expect("read")), (0, Vec::new()));
    }

    #[test]
    fn a_damaged_file_is_refused_and_never_read_as_something_else() {
        let text = text();
        let (_folder, path, size) = packed(&text);
        let whole = std::fs::read(&path).expect("there");
        for cut in [0, 5, 9, 17, size - 1, size - 9, size / 2] {
            std::fs::write(&path, &whole[..usize::try_from(cut).expect("small")]).expect("written");
            assert!(Packed::open(File::open(&path).expect("there")).is_err(), "cut at {cut}");
        }
        for n in 0..200 {
            let mut bad = whole.clone();
            let at = n * (whole.len() - 1) / 199;
            bad[at] ^= 0x55;
            std::fs::write(&path, &bad).expect("written");
            // Without a checksum a changed literal stays unnoticed; nothing may be longer than the table says.
            if let Ok(packed) = Packed::open(File::open(&path).expect("there"))
                && let Ok(read) = packed.read(0, text.len())
            {
                assert!(read.len() <= text.len());
            }
        }
    }

    #[test]
    fn without_room_nothing_more_is_written() {
        let text = text();
        let mut written = Vec::new();
        let mut left = 100_000_u64;
        let mut room = |bytes: u64| {
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        };
        let error = pack(&mut text.as_slice(), &mut written, &mut room).expect_err("too little room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(written.len() <= 100_000);
    }
}
