//! The last bytes of something that may never end, in bounded memory.

/// Keeps at least the last `limit / 2` and at most the last `limit` bytes, whole pieces only.
#[derive(Debug)]
pub(crate) struct Recent {
    older: Vec<u8>,
    newer: Vec<u8>,
    half: usize,
    lost_bytes: u64,
    lost_pieces: u64,
    pieces: [u64; 2],
}

impl Recent {
    /// Nothing yet. Memory is taken as it is needed.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            older: Vec::new(),
            newer: Vec::new(),
            half: limit / 2,
            lost_bytes: 0,
            lost_pieces: 0,
            pieces: [0; 2],
        }
    }

    /// Adds one piece, made of two parts. A piece longer than half the limit still counts as one.
    pub(crate) fn push(&mut self, first: &[u8], second: &[u8]) {
        if self.newer.len() + first.len() + second.len() > self.half && !self.newer.is_empty() {
            self.lost_bytes += self.older.len() as u64;
            self.lost_pieces += self.pieces[0];
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
            self.pieces = [self.pieces[1], 0];
        }
        self.newer.extend_from_slice(first);
        self.newer.extend_from_slice(second);
        self.pieces[1] += 1;
    }

    /// What is kept, in order.
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [&self.older, &self.newer]
    }

    /// Bytes and pieces that are gone.
    pub(crate) fn lost(&self) -> (u64, u64) {
        (self.lost_bytes, self.lost_pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_the_loss_is_counted() {
        let mut recent = Recent::new(20);
        for n in 0..100 {
            recent.push(format!("{n:02}").as_bytes(), b"\n");
        }
        let kept = recent.parts().concat();
        assert!((10..=20).contains(&kept.len()), "{kept:?}");
        assert!(kept.ends_with(b"98\n99\n"));
        let (bytes, pieces) = recent.lost();
        assert_eq!((bytes + kept.len() as u64, pieces * 3), (300, bytes));
    }

    #[test]
    fn one_huge_piece_is_kept_whole() {
        let mut recent = Recent::new(4);
        recent.push(b"abcdefgh", b"");
        assert_eq!(recent.parts().concat(), b"abcdefgh");
        recent.push(b"i", b"");
        recent.push(b"jk", b"");
        assert_eq!(recent.parts().concat(), b"ijk");
    }
}
