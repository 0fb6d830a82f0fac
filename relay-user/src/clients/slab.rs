//! Entries under stable numbers, in blocks: growing never moves what is there, so no message waits for a copy of
//! the whole table, and at no moment two of them exist.

/// Entries in a block.
const BLOCK: usize = 1024;

/// A collection whose entries are known by the number they were given.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    blocks: Vec<Box<[Option<T>]>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many numbers have been given out at most at one time, rounded up to blocks.
    pub(crate) fn capacity(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Puts `entry` in and returns its number; that of an entry which was taken out is given again.
    pub(crate) fn insert(&mut self, entry: T) -> u32 {
        if self.free.is_empty() {
            let first = self.capacity() as u32;
            self.blocks.push((0..BLOCK).map(|_| None).collect());
            self.free.extend((first..first + BLOCK as u32).rev());
        }
        // There is one: a block has just been added if there was none.
        let number = self.free.pop().unwrap_or_default();
        self.blocks[number as usize / BLOCK][number as usize % BLOCK] = Some(entry);
        self.len += 1;
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.blocks.get(number as usize / BLOCK)?[number as usize % BLOCK].as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.blocks.get_mut(number as usize / BLOCK)?[number as usize % BLOCK].as_mut()
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let entry = self.blocks.get_mut(number as usize / BLOCK)?[number as usize % BLOCK].take()?;
        self.free.push(number);
        self.len -= 1;
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.blocks.iter().flatten()).filter_map(|(number, entry)| Some((number, entry.as_ref()?)))
    }
}
