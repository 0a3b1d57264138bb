//! The flows between store, router and carriers, and the one handle the floors above hold.
