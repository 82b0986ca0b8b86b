//! Cards for drills that are real tokens: each a SoftHSM token of its own, thrown away after the drill.
//!
//! They are pulled below their PKCS#11 module, so the engine learns of it as it would of a card that is gone: from what
//! the module answers.

use icsf_drill::{CardSource, NoCard, PullableCard};

/// SoftHSM, as it is installed on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoftHsm;

#[cfg(not(target_os = "linux"))]
impl CardSource for SoftHsm {
    fn card(&self) -> Result<Box<dyn PullableCard>, NoCard> {
        Err(NoCard::because("tokens that can be pulled are made on Linux only"))
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;

    use icsf_core::ClearKey;
    use secrecy::SecretString;
    use softhsm_fixtures::Configuration;
    use softicsf::{Card, CardSlot, Pkcs11Token};
    use tempfile::TempDir;

    use super::{CardSource, NoCard, PullableCard, SoftHsm};

    /// A token, and the engine on it.
    #[derive(Debug)]
    struct TokenCard {
        // Dropped first: it closes its sessions with the token.
        card: Card,
        token: softhsm_fixtures::Card,
        _registers: TempDir,
    }

    impl CardSource for SoftHsm {
        fn card(&self) -> Result<Box<dyn PullableCard>, NoCard> {
            let token = softhsm_fixtures::Card::try_new(&Configuration::new()).map_err(|e| because(&e))?;
            let directory = TempDir::new().map_err(|e| because(&e))?;
            let mut named = Pkcs11Token::new(token.module(), token.label());
            named.serial = Some(token.serial().to_owned());
            let pin = ClearKey::from_slice(token.user_pin().expose().as_bytes());
            let card = Card::token(&directory.path().join("engine.token"), &named, pin).map_err(|e| because(&e))?;
            Ok(Box::new(TokenCard { card, token, _registers: directory }))
        }
    }

    impl PullableCard for TokenCard {
        fn card(&self) -> &Card {
            &self.card
        }

        fn pull(&self, _: &CardSlot) {
            self.token.pull();
        }

        fn put_back(&self, _: &CardSlot) {
            self.token.put_back();
        }

        fn secrets(&self) -> Vec<SecretString> {
            [self.token.user_pin(), self.token.so_pin()].map(|pin| SecretString::from(pin.expose())).into()
        }
    }

    /// The error and all below it, in one line.
    fn because(error: &dyn Error) -> NoCard {
        let mut text = error.to_string();
        let mut below = error.source();
        while let Some(error) = below {
            text += &format!(": {error}");
            below = error.source();
        }
        NoCard::because(text)
    }
}
