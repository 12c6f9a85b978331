//! The example domain: properties and their units.
