//! Where messages are made: in a buffer that is used again, and then cut from blocks that many messages share.

use bytes::{Bytes, BytesMut};

/// Messages share blocks of this many bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// A buffer for the message in the making, and the block that finished ones are cut from.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The message in the making.
    pub(super) scratch: Vec<u8>,
    block: BytesMut,
}

impl Block {
    /// The message that was made.
    pub(super) fn cut(&mut self) -> Bytes {
        if self.block.capacity() < self.scratch.len() {
            self.block = BytesMut::with_capacity(self.scratch.len().max(BLOCK_BYTES));
        }
        self.block.extend_from_slice(&self.scratch);
        self.block.split().freeze()
    }
}
