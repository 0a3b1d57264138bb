//! Times as the API tells them: to the millisecond, whatever the clock that they come from knows.
//!
//! This is the one place where that is seen to. What is told goes through [`ToTheMillisecond`] on its way to JSON, which
//! passes everything on as it is but times: those are known by how they write themselves, as a value that is displayed and
//! not as a text, so no text of anybody's that looks like a time is touched.

use std::fmt::Display;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value whose times are written to the millisecond.
#[derive(Debug, Clone)]
pub(crate) struct ToTheMillisecond<T>(pub(crate) T);

impl<T: Serialize> Serialize for ToTheMillisecond<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Through(serializer))
    }
}

/// A serialiser, or one of its compounds, that sees to the times.
struct Through<S>(S);

/// What is passed on as it is.
macro_rules! pass_on {
    ($($method:ident($($name:ident: $kind:ty),*);)*) => {
        $(fn $method(self, $($name: $kind),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($name),*)
        })*
    };
}

impl<S: Serializer> Serializer for Through<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Through<S::SerializeSeq>;
    type SerializeTuple = Through<S::SerializeTuple>;
    type SerializeTupleStruct = Through<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Through<S::SerializeTupleVariant>;
    type SerializeMap = Through<S::SerializeMap>;
    type SerializeStruct = Through<S::SerializeStruct>;
    type SerializeStructVariant = Through<S::SerializeStructVariant>;

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_str(&cut(value.to_string()))
    }

    pass_on! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&ToTheMillisecond(value))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &ToTheMillisecond(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0
            .serialize_newtype_variant(name, index, variant, &ToTheMillisecond(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Through)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Through)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, len).map(Through)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, len).map(Through)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Through)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, len).map(Through)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, index, variant, len).map(Through)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A compound of values without names.
macro_rules! row {
    ($($compound:ident::$method:ident;)*) => {
        $(impl<S: $compound> $compound for Through<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
                self.0.$method(&ToTheMillisecond(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

row! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

/// A compound of fields.
macro_rules! fields {
    ($($compound:ident;)*) => {
        $(impl<S: $compound> $compound for Through<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), S::Error> {
                self.0.serialize_field(name, &ToTheMillisecond(value))
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
                self.0.skip_field(name)
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<S: SerializeMap> SerializeMap for Through<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&ToTheMillisecond(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// A time without what is finer than a millisecond, and without zeros at its end, as RFC 3339 times are written elsewhere;
/// anything else as it is.
fn cut(text: String) -> String {
    let Some((whole, fraction)) = text.strip_suffix('Z').and_then(|time| time.split_once('.')) else {
        return text;
    };
    let is_fine = fraction.len() > DIGITS && fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !is_fine || text.parse::<jiff::Timestamp>().is_err() {
        return text;
    }
    match fraction[..DIGITS].trim_end_matches('0') {
        "" => format!("{whole}Z"),
        kept => format!("{whole}.{kept}Z"),
    }
}

/// Of a millisecond.
const DIGITS: usize = 3;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use message::{LimitUse, RouteId, SlotSnapshot};
    use serde_json::{Value, json};

    use super::*;

    fn told(value: impl Serialize) -> Value {
        serde_json::to_value(ToTheMillisecond(value)).expect("JSON")
    }

    #[test]
    fn a_time_has_milliseconds_at_most() {
        for (time, written) in [
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.5Z"),
            ("2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z"),
            ("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123Z"),
            ("2026-11-22T10:00:00.120999Z", "2026-11-22T10:00:00.12Z"),
            ("2026-11-22T10:00:00.000999999Z", "2026-11-22T10:00:00Z"),
        ] {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(told(time), written);
        }
    }

    #[test]
    fn times_are_found_wherever_they_stand_and_texts_are_left_alone() {
        let at: Timestamp = "2026-11-22T10:00:00.123456789Z".parse().unwrap();
        let mut slot = SlotSnapshot::blank(RouteId::new("sim1"), at);
        slot.initialised_at = Some(at);
        slot.reason = at.to_string();
        // Flattened into the others.
        slot.traffic.last_received = Some(at);
        slot.traffic.limits = vec![LimitUse {
            limit: "per_day".into(),
            used: 1,
            allowed: 1,
            until: Some(at),
        }];
        let shown = told(&slot);
        let cut = "2026-11-22T10:00:00.123Z";
        for time in [
            &shown["since"],
            &shown["initialised_at"],
            &shown["last_received"],
            &shown["limits"][0]["until"],
        ] {
            assert_eq!(time, cut, "{shown:#}");
        }
        assert_eq!(shown["reason"], at.to_string(), "a text is a text");
        let plain = serde_json::to_value(&slot).expect("JSON");
        assert_eq!(
            plain.as_object().map(|all| all.len()),
            shown.as_object().map(|all| all.len())
        );
        assert_eq!(
            told(json!({ "a": [1, -2.5, null, true, "x"] })),
            json!({ "a": [1, -2.5, null, true, "x"] })
        );
    }
}
