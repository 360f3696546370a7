//! Whether an id is one of many.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt32Type};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::lookup::arrays;

/// Whether an id is in the set.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct InSet {
    bits: Arc<Vec<u64>>,
    signature: Signature,
}

impl std::fmt::Debug for InSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: u32 = self.bits.iter().map(|bits| bits.count_ones()).sum();
        write!(f, "{ids} ids")
    }
}

impl InSet {
    pub(super) fn new(ids: impl Iterator<Item = usize>) -> Self {
        let mut bits = Vec::new();
        for id in ids {
            if bits.len() <= id / 64 {
                bits.resize(id / 64 + 1, 0);
            }
            if let Some(word) = bits.get_mut(id / 64) {
                *word |= 1 << (id % 64);
            }
        }
        Self {
            bits: Arc::new(bits),
            signature: Signature::any(1, Volatility::Immutable),
        }
    }

    #[inline]
    fn has(&self, id: u64) -> bool {
        let word = usize::try_from(id / 64)
            .ok()
            .and_then(|at| self.bits.get(at));
        word.is_some_and(|word| word >> (id % 64) & 1 == 1)
    }
}

impl ScalarUDFImpl for InSet {
    fn name(&self) -> &'static str {
        "in_set"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_narrow = matches!(
            args.args.first().map(ColumnarValue::data_type),
            Some(DataType::UInt32 | DataType::UInt16 | DataType::UInt8)
        );
        let found = if is_narrow {
            let [ids] = arrays(&args, &[DataType::UInt32])?;
            let ids = ids.as_primitive::<UInt32Type>();
            let values = ids.values().iter().map(|id| self.has(u64::from(*id)));
            BooleanArray::new(values.collect(), ids.nulls().cloned())
        } else {
            let [ids] = arrays(&args, &[DataType::Int64])?;
            let ids = ids.as_primitive::<Int64Type>();
            let has = |id: &i64| u64::try_from(*id).is_ok_and(|id| self.has(id));
            BooleanArray::new(ids.values().iter().map(has).collect(), ids.nulls().cloned())
        };
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}
