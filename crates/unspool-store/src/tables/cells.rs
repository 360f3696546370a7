//! One declaration per table: its columns give the row type, the builder of batches and the reader of batches.

use arrow_array::builder::{
    ArrayBuilder as _, BooleanBufferBuilder, BooleanBuilder, ListBuilder, PrimitiveBuilder,
};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, PrimitiveArray};
use arrow_schema::{DataType, Field};
use std::sync::Arc;

/// A Rust type that a column can hold.
pub(crate) trait Cell: Default {
    /// Collects values.
    type Builder: Default;
    /// Holds them.
    type Array: Array + 'static;
    /// Whether a value may be absent.
    const NULLABLE: bool;
    /// Type of the column.
    fn data_type() -> DataType;
    /// Adds this value.
    fn append(self, builder: &mut Self::Builder);
    /// The column of the values so far; the builder is empty afterwards.
    fn finish(builder: &mut Self::Builder) -> ArrayRef;
    /// Gives the value of a row.
    fn get(array: &Self::Array, row: usize) -> Self;
    /// The column as it should be; `None` when it has another type.
    fn downcast(array: &dyn Array) -> Option<&Self::Array>;
}

/// Collects numbers.
#[derive(Debug)]
pub(crate) struct Numbers<T: ArrowPrimitiveType>(Vec<T::Native>);

impl<T: ArrowPrimitiveType> Default for Numbers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Collects numbers that may be absent. Those at the end that are absent are only counted: in most columns most are.
#[derive(Debug)]
pub(crate) struct Optional<T: ArrowPrimitiveType> {
    len: usize,
    /// Of the values, those that are not absent.
    count: usize,
    values: Vec<T::Native>,
    present: Vec<bool>,
}

impl<T: ArrowPrimitiveType> Default for Optional<T> {
    fn default() -> Self {
        Self {
            len: 0,
            count: 0,
            values: Vec::new(),
            present: Vec::new(),
        }
    }
}

impl<T: ArrowPrimitiveType> Optional<T> {
    #[inline]
    fn append(&mut self, value: Option<T::Native>) {
        if let Some(value) = value {
            if self.values.len() < self.len {
                self.catch_up();
            }
            self.values.push(value);
            self.present.push(true);
            self.count += 1;
        }
        self.len += 1;
    }

    #[inline(never)]
    fn catch_up(&mut self) {
        self.values.resize(self.len, T::Native::default());
        self.present.resize(self.len, false);
    }

    fn finish(&mut self) -> ArrayRef {
        let len = std::mem::take(&mut self.len);
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return Arc::new(PrimitiveArray::<T>::new_null(len));
        }
        self.values.resize(len, T::Native::default());
        self.present.resize(len, false);
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(len));
        let absent = (count < len).then(|| {
            let mut bits = BooleanBufferBuilder::new(len);
            bits.append_packed_range(0..len, &packed(&self.present));
            bits.finish().into()
        });
        self.present.clear();
        Arc::new(PrimitiveArray::<T>::new(values.into(), absent))
    }
}

/// A bit for each flag, the first in the lowest bit of the first byte.
fn packed(flags: &[bool]) -> Vec<u8> {
    /// Gathers the lowest bits of eight bytes in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, rest) = flags.as_chunks::<8>();
    let byte_of = |word: &[bool; 8]| {
        let gathered = u64::from_le_bytes(word.map(u8::from)).wrapping_mul(GATHER);
        let [.., byte] = gathered.to_le_bytes();
        byte
    };
    let mut bits: Vec<u8> = words.iter().map(byte_of).collect();
    let mut last = [false; 8];
    for (to, flag) in last.iter_mut().zip(rest) {
        *to = *flag;
    }
    bits.push(byte_of(&last));
    bits
}

macro_rules! primitive_cell {
    ($($rust:ty => $arrow:ty),*) => { $(
        impl Cell for $rust {
            type Builder = Numbers<$arrow>;
            type Array = PrimitiveArray<$arrow>;
            const NULLABLE: bool = false;
            fn data_type() -> DataType {
                <$arrow>::DATA_TYPE
            }
            #[inline]
            fn append(self, builder: &mut Self::Builder) {
                builder.0.push(self);
            }
            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                let next = Vec::with_capacity(builder.0.len());
                let values = std::mem::replace(&mut builder.0, next);
                Arc::new(PrimitiveArray::<$arrow>::new(values.into(), None))
            }
            #[inline]
            fn get(array: &Self::Array, row: usize) -> Self {
                array.values().get(row).copied().unwrap_or_default()
            }
            fn downcast(array: &dyn Array) -> Option<&Self::Array> {
                array.as_primitive_opt::<$arrow>()
            }
        }

        impl Cell for Option<$rust> {
            type Builder = Optional<$arrow>;
            type Array = PrimitiveArray<$arrow>;
            const NULLABLE: bool = true;
            fn data_type() -> DataType {
                <$arrow>::DATA_TYPE
            }
            #[inline]
            fn append(self, builder: &mut Self::Builder) {
                builder.append(self);
            }
            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                builder.finish()
            }
            #[inline]
            fn get(array: &Self::Array, row: usize) -> Self {
                if row >= array.len() || array.is_null(row) {
                    return None;
                }
                array.values().get(row).copied()
            }
            fn downcast(array: &dyn Array) -> Option<&Self::Array> {
                array.as_primitive_opt::<$arrow>()
            }
        }

        impl Cell for Vec<$rust> {
            type Builder = ListBuilder<PrimitiveBuilder<$arrow>>;
            type Array = ListArray;
            const NULLABLE: bool = false;
            fn data_type() -> DataType {
                DataType::List(Arc::new(Field::new_list_field(<$arrow>::DATA_TYPE, true)))
            }
            #[inline]
            fn append(self, builder: &mut Self::Builder) {
                builder.values().append_slice(&self);
                builder.append(true);
            }
            fn finish(builder: &mut Self::Builder) -> ArrayRef {
                Arc::new(builder.finish())
            }
            #[inline]
            fn get(array: &Self::Array, row: usize) -> Self {
                if row >= array.len() || array.is_null(row) {
                    return Self::new();
                }
                let values = array.value(row);
                values
                    .as_primitive_opt::<$arrow>()
                    .map_or_else(Self::new, |values| values.values().to_vec())
            }
            fn downcast(array: &dyn Array) -> Option<&Self::Array> {
                let list = array.as_list_opt::<i32>()?;
                list.values().as_primitive_opt::<$arrow>()?;
                Some(list)
            }
        }
    )* };
}

primitive_cell!(
    u8 => UInt8Type,
    u16 => UInt16Type,
    u32 => UInt32Type,
    u64 => UInt64Type,
    i32 => Int32Type,
    i64 => Int64Type
);

impl Cell for bool {
    type Builder = BooleanBuilder;
    type Array = BooleanArray;
    const NULLABLE: Self = false;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    #[inline]
    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.finish())
    }
    #[inline]
    fn get(array: &Self::Array, row: usize) -> Self {
        row < array.len() && array.value(row)
    }
    fn downcast(array: &dyn Array) -> Option<&Self::Array> {
        array.as_boolean_opt()
    }
}

/// Collects flags that may be absent. Those at the end that are absent are only counted, as in [`Optional`].
#[derive(Debug, Default)]
pub(crate) struct OptionalFlags {
    len: usize,
    flags: BooleanBuilder,
}

impl OptionalFlags {
    fn catch_up(&mut self) {
        self.flags.append_nulls(self.len - self.flags.len());
    }
}

impl Cell for Option<bool> {
    type Builder = OptionalFlags;
    type Array = BooleanArray;
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    #[inline]
    fn append(self, builder: &mut Self::Builder) {
        if let Some(flag) = self {
            builder.catch_up();
            builder.flags.append_value(flag);
        }
        builder.len += 1;
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        builder.catch_up();
        builder.len = 0;
        Arc::new(builder.flags.finish())
    }
    #[inline]
    fn get(array: &Self::Array, row: usize) -> Self {
        (row < array.len() && !array.is_null(row)).then(|| array.value(row))
    }
    fn downcast(array: &dyn Array) -> Option<&Self::Array> {
        array.as_boolean_opt()
    }
}

/// Declares a table: row type, builder, reader.
macro_rules! table {
    ($(#[$doc:meta])* $row:ident $builder:ident $reader:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $row { $(pub $field: $type),* }

        /// Collects rows.
        #[derive(Debug, Default)]
        pub(crate) struct $builder {
            rows: usize,
            $($field: <$type as crate::tables::cells::Cell>::Builder),*
        }

        impl $builder {
            /// The columns in order.
            pub(crate) fn fields() -> Vec<arrow_schema::Field> {
                vec![$(arrow_schema::Field::new(
                    stringify!($field),
                    <$type as crate::tables::cells::Cell>::data_type(),
                    <$type as crate::tables::cells::Cell>::NULLABLE,
                )),*]
            }

            /// Rows collected.
            pub(crate) fn len(&self) -> usize {
                self.rows
            }

            /// Adds a row.
            #[inline]
            pub(crate) fn append(&mut self, row: $row) {
                self.rows += 1;
                $(crate::tables::cells::Cell::append(row.$field, &mut self.$field);)*
            }

            /// The columns so far; the builder is empty afterwards.
            pub(crate) fn take_columns(&mut self) -> Vec<arrow_array::ArrayRef> {
                self.rows = 0;
                vec![$(<$type as crate::tables::cells::Cell>::finish(&mut self.$field)),*]
            }
        }

        /// Gives rows back. A column that was not asked for gives its type's default.
        #[derive(Debug)]
        pub(crate) struct $reader<'a> {
            $($field: Option<&'a <$type as crate::tables::cells::Cell>::Array>),*
        }

        impl<'a> $reader<'a> {
            /// Fails with the name of a column that has another type.
            pub(crate) fn new(batch: &'a arrow_array::RecordBatch) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: match batch.column_by_name(stringify!($field)) {
                        Some(column) => Some(
                            <$type as crate::tables::cells::Cell>::downcast(column.as_ref())
                                .ok_or(stringify!($field))?,
                        ),
                        None => None,
                    }),*
                })
            }

            /// The row at `at`, which is less than the batch's number of rows.
            #[inline]
            pub(crate) fn row(&self, at: usize) -> $row {
                $row {
                    $($field: self.$field.map_or_else(
                        <$type>::default,
                        |column| <$type as crate::tables::cells::Cell>::get(column, at),
                    )),*
                }
            }
        }
    };
}

pub(crate) use table;
