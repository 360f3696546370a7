//! The shape of answers that are objects with properties, not rows: what analyses give and forms write.

/// Objects that belong together, with an element around them or without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObjectGroup {
    /// Name of the group, `Shared libraries`; `None` for objects that stand by themselves.
    pub category: Option<&'static str>,
    /// Objects, each before those that it holds: see [`Object::depth`].
    pub objects: Vec<Object>,
}

/// An object: a class, a key, properties.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// `CIM_Process`.
    pub class: &'static str,
    /// Property that names it: `Handle`.
    pub key: &'static str,
    /// How deep it lies: it is held by the nearest object before it whose depth is one less.
    pub depth: usize,
    /// Properties in the order in which they are written, the key too.
    pub properties: Vec<(&'static str, Value)>,
    /// What it did, or what was done to it.
    pub accesses: Vec<Accessed>,
}

impl Object {
    /// Value of a property.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Value of its key.
    pub fn key_value(&self) -> Option<&Value> {
        self.property(self.key)
    }
}

/// Value of a property.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// Bytes, maybe hostile.
    Text(Vec<u8>),
    /// Number.
    Number(u64),
    /// Point in time in nanoseconds of the run's clock.
    Time(i64),
}

/// Everything that one process did to one file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accessed {
    /// Attributes in the order in which they are written.
    pub attributes: Vec<(&'static str, Value)>,
    /// SQL statements seen in what was written, and in what was read.
    pub written_statements: Vec<Vec<u8>>,
    /// Those in what was read.
    pub read_statements: Vec<Vec<u8>>,
}
