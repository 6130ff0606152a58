//! The messages without a body: EndOfEarlyData, HelloRequest, ServerHelloDone. RFC 8446 §4.5, RFC 5246 §7.4.

use super::{Codec, HandshakeType, Malformed, Message, Reader, TooLong, Writer};

macro_rules! empty_message {
    ($(#[$meta:meta])* $name:ident = $code:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl Message<'_> for $name {
            const TYPE: HandshakeType = HandshakeType::$code;
        }

        impl<'a> Codec<'a> for $name {
            fn read(_: &mut Reader<'a>) -> Result<Self, Malformed> {
                Ok(Self)
            }

            fn write(&self, _: &mut Writer<'_>) -> Result<(), TooLong> {
                Ok(())
            }
        }
    };
}

empty_message! {
    /// Ends the client's early data. RFC 8446 §4.5.
    EndOfEarlyData = end_of_early_data
}

empty_message! {
    /// Asks for a renegotiation, which is refused. RFC 5246 §7.4.1.1.
    HelloRequest = hello_request
}

empty_message! {
    /// Ends the server's first flight in TLS 1.2. RFC 5246 §7.4.5.
    ServerHelloDone = server_hello_done
}
