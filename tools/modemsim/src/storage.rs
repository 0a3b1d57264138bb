//! A memory of short messages on a SIM or in a modem (TS 27.005 2.2).

/// What the modem says about a message it keeps (`<stat>`, TS 27.005 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Unread,
    Read,
    Unsent,
    Sent,
}

impl Status {
    /// The number of PDU mode.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Read => 1,
            Self::Unsent => 2,
            Self::Sent => 3,
        }
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        [Self::Unread, Self::Read, Self::Unsent, Self::Sent]
            .into_iter()
            .find(|status| u32::from(status.code()) == code)
    }
}

/// A message in a memory.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) status: Status,
    /// SMSC part and TPDU, as `+CMGR` gives them.
    pub(crate) pdu: Vec<u8>,
}

impl Stored {
    /// The length that stands before the PDU: octets without the SMSC part.
    pub(crate) fn tpdu_len(&self) -> usize {
        let smsc = self.pdu.first().map_or(0, |&len| 1 + usize::from(len));
        self.pdu.len().saturating_sub(smsc)
    }
}

/// A row of places, each empty or with a message. Places are counted from zero; profiles add their base.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    places: Vec<Option<Stored>>,
    used: usize,
}

impl Memory {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            places: vec![None; size],
            used: 0,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Puts a message into the first empty place and says which; `None` when the memory is full.
    pub(crate) fn put(&mut self, message: Stored) -> Option<usize> {
        let place = self.places.iter().position(Option::is_none)?;
        self.places[place] = Some(message);
        self.used += 1;
        Some(place)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut Stored> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(crate) fn take(&mut self, place: usize) -> Option<Stored> {
        let message = self.places.get_mut(place)?.take();
        self.used -= usize::from(message.is_some());
        message
    }

    /// The occupied places in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Stored)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(place, message)| Some((place, message.as_ref()?)))
    }
}
