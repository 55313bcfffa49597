//! What is made once per schema, and found again by the schema's address.

use std::collections::HashMap;
use std::sync::Arc;

use super::Schema;

/// Things made once per schema. An address stays the schema's own while its `Arc` is held here.
#[derive(Debug)]
pub struct PerSchema<T> {
    made: Vec<(Arc<Schema>, T)>,
    /// Where the thing of the schema at an address stands in `made`.
    places: HashMap<usize, usize>,
    /// The place that was asked for last: mostly the one that is asked for next.
    latest: usize,
    limit: usize,
}

impl<T> PerSchema<T> {
    /// None yet, and never more than `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { made: Vec::new(), places: HashMap::new(), latest: 0, limit: limit.max(1) }
    }

    /// The schema's; made if it is new. When there are too many, all are forgotten: who uses more schemas in turn than the
    /// limit allows gains nothing from keeping some.
    ///
    /// # Errors
    /// What `make` says.
    pub fn get_or_make<E>(
        &mut self,
        schema: &Arc<Schema>,
        make: impl FnOnce(&Schema) -> Result<T, E>,
    ) -> Result<&mut T, E> {
        if !self.made.get(self.latest).is_some_and(|(latest, _)| Arc::ptr_eq(latest, schema)) {
            self.latest = self.place(schema, make)?;
        }
        Ok(&mut self.made[self.latest].1)
    }

    fn place<E>(&mut self, schema: &Arc<Schema>, make: impl FnOnce(&Schema) -> Result<T, E>) -> Result<usize, E> {
        let address = Arc::as_ptr(schema).addr();
        if let Some(place) = self.places.get(&address) {
            return Ok(*place);
        }
        let thing = make(schema)?;
        if self.made.len() >= self.limit {
            self.made.clear();
            self.places.clear();
        }
        let place = self.made.len();
        self.places.insert(address, place);
        self.made.push((Arc::clone(schema), thing));
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Kind;

    #[test]
    fn each_schema_has_its_own_and_a_full_cache_starts_anew() {
        let mut cache = PerSchema::new(2);
        let schemas: Vec<Arc<Schema>> = (0..5).map(|_| Arc::new(Schema::of(Kind::Int32))).collect();
        for (number, schema) in schemas.iter().enumerate() {
            assert_eq!(cache.get_or_make(schema, |_| Ok::<_, ()>(number)), Ok(&mut number.clone()));
            assert_eq!(cache.get_or_make(schema, |_| Err("is made again")), Ok(&mut number.clone()));
            assert!(cache.made.len() <= 2 && cache.places.len() == cache.made.len());
        }
        assert_eq!(cache.get_or_make(&schemas[0], |_| Err("was forgotten")), Err("was forgotten"));
        assert_eq!(cache.get_or_make(&schemas[4], |_| Err("is made again")), Ok(&mut 4));
    }
}
