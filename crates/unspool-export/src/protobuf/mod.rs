//! Messages of Protocol Buffers, written field by field: the few kinds of fields that the forms here have.

/// A message in the making.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Message {
    /// What was written so far.
    pub(crate) bytes: Vec<u8>,
}

/// Wire types (Protocol Buffers, "Encoding").
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

impl Message {
    /// Fields of type `uint64`, `uint32`, `bool` and enums.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        push_varint(&mut self.bytes, value);
    }

    /// Fields of type `int64` and `int32`: two's complement.
    pub(crate) fn int(&mut self, field: u32, value: i64) {
        self.number(field, value.cast_unsigned());
    }

    /// Fields of type `fixed64`.
    pub(crate) fn fixed(&mut self, field: u32, value: u64) {
        self.tag(field, FIXED64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Fields of type `double`.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.fixed(field, value.to_bits());
    }

    /// Fields of type `string`.
    pub(crate) fn text(&mut self, field: u32, value: &str) {
        self.tag(field, LENGTH);
        push_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// Fields that are messages.
    pub(crate) fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, LENGTH);
        let start = self.bytes.len();
        write(self);
        self.prefix(start);
    }

    /// Repeated numbers in their packed form.
    pub(crate) fn packed(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        self.nested(field, |message| {
            for value in values {
                push_varint(&mut message.bytes, value);
            }
        });
    }

    /// Puts its length before what was written since `start`.
    fn prefix(&mut self, start: usize) {
        let body = self.bytes.len() - start;
        push_varint(&mut self.bytes, body as u64);
        let prefix = self.bytes.len() - start - body;
        if let Some(written) = self.bytes.get_mut(start..) {
            written.rotate_right(prefix);
        }
    }

    fn tag(&mut self, field: u32, wire: u64) {
        push_varint(&mut self.bytes, u64::from(field) << 3 | wire);
    }
}

/// Seven bits a byte, the lowest first.
fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::Message;

    /// The examples of the page "Encoding".
    #[test]
    fn bytes_are_those_of_the_specification() {
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.bytes, [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.text(2, "testing");
        assert_eq!(message.bytes, b"\x12\x07testing");
        let mut message = Message::default();
        message.nested(3, |inner| inner.number(1, 150));
        assert_eq!(message.bytes, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.packed(6, [3, 270, 86_942].into_iter());
        assert_eq!(
            message.bytes,
            [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]
        );
        let mut message = Message::default();
        message.int(1, -2);
        assert_eq!(
            message.bytes,
            [
                0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
            ]
        );
    }

    #[test]
    fn long_messages_have_long_lengths() {
        let mut message = Message::default();
        message.nested(1, |inner| inner.text(1, &"x".repeat(300)));
        assert_eq!(message.bytes[..6], [0x0a, 0xaf, 0x02, 0x0a, 0xac, 0x02]);
        assert_eq!(message.bytes.len(), 306);
    }
}
