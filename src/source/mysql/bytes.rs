//! A cursor over the bytes of an event. Every read checks its bounds: input never panics.

use bytes::Bytes;

/// There were fewer bytes than the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event ends in the middle of {what}")]
pub(super) struct Short {
    /// What was being read.
    pub(super) what: &'static str,
}

/// Reads forward over an event; what it cuts out shares the event's buffer.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    bytes: Bytes,
}

impl Cursor {
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize, what: &'static str) -> Result<Bytes, Short> {
        if self.bytes.len() < n { Err(Short { what }) } else { Ok(self.bytes.split_to(n)) }
    }

    /// The next `n` bytes, cut out of the buffer by reference: for what is not kept.
    pub(super) fn peek(&self, n: usize, what: &'static str) -> Result<&[u8], Short> {
        self.bytes.get(..n).ok_or(Short { what })
    }

    pub(super) fn skip(&mut self, n: usize, what: &'static str) -> Result<(), Short> {
        if self.bytes.len() < n {
            return Err(Short { what });
        }
        bytes::Buf::advance(&mut self.bytes, n);
        Ok(())
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, Short> {
        self.uint_le(1, what).map(|number| number.to_le_bytes()[0])
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, Short> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Short> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Short> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The next bytes as an array.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Short> {
        let array = self.bytes.first_chunk().copied().ok_or(Short { what })?;
        bytes::Buf::advance(&mut self.bytes, N);
        Ok(array)
    }

    /// An unsigned number of `n` bytes (at most 8), little-endian.
    pub(super) fn uint_le(&mut self, n: usize, what: &'static str) -> Result<u64, Short> {
        let bytes = self.peek(n.min(8), what)?;
        let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.skip(n, what)?;
        Ok(number)
    }

    /// An unsigned number of `n` bytes (at most 8), big-endian.
    pub(super) fn uint_be(&mut self, n: usize, what: &'static str) -> Result<u64, Short> {
        let bytes = self.peek(n.min(8), what)?;
        let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.skip(n, what)?;
        Ok(number)
    }

    /// A length-encoded number (`Protocol::LengthEncodedInteger`).
    pub(super) fn lenenc(&mut self, what: &'static str) -> Result<u64, Short> {
        match self.u8(what)? {
            0xfc => self.uint_le(2, what),
            0xfd => self.uint_le(3, what),
            0xfe => self.uint_le(8, what),
            small => Ok(small.into()),
        }
    }

    /// Bytes behind their length-encoded length.
    pub(super) fn lenenc_bytes(&mut self, what: &'static str) -> Result<Bytes, Short> {
        let length = usize::try_from(self.lenenc(what)?).map_err(|_| Short { what })?;
        self.take(length, what)
    }
}

/// Whether the bit of that index is set; bits are counted from the lowest of the first byte.
pub(super) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}

/// Whether the bit of that index is set; bits are counted from the highest of the first byte.
pub(super) fn high_bit(bitmap: &[u8], index: usize) -> bool {
    bitmap.get(index / 8).is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1)
}
