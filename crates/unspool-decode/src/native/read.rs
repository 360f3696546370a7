//! Cursors over the bytes of one record: fixed fields of the body, then items.

use super::format::{LONG_ITEM, tag};

/// Takes little-endian fields off the front of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }
}

/// One item of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) index: u8,
    pub(super) value: &'a [u8],
}

impl<'a> Item<'a> {
    /// The fields of its value.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields::new(self.value)
    }
}

/// Walks over the items of a record.
#[derive(Debug)]
pub(super) struct Items<'a> {
    fields: Fields<'a>,
    /// Whether an item was longer than what was left of the record.
    pub(super) damaged: bool,
}

impl<'a> Items<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self {
            fields: Fields::new(rest),
            damaged: false,
        }
    }

    fn item(&mut self) -> Option<Item<'a>> {
        let tag = self.fields.u8()?;
        let index = self.fields.u8()?;
        let len = match self.fields.u16()? {
            LONG_ITEM => usize::try_from(self.fields.u32()?).ok()?,
            len => usize::from(len),
        };
        let value = self.fields.bytes(len)?;
        Some(Item { tag, index, value })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.damaged || self.fields.rest.first().is_none_or(|tag| *tag == tag::END) {
            return None;
        }
        let item = self.item();
        self.damaged = item.is_none();
        item
    }
}
