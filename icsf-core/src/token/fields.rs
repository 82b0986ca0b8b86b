//! The bytes of a token, read field by field.

use super::TokenError;

/// Reads fields one after the other; every read is checked.
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], TokenError> {
        let rest = self.bytes.get(self.at..).ok_or(TokenError::Short(self.bytes.len()))?;
        let (field, _) = rest.split_at_checked(length).ok_or(TokenError::Short(self.bytes.len()))?;
        self.at += length;
        Ok(field)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let field = self.take(N)?;
        <[u8; N]>::try_from(field).ok().ok_or(TokenError::Short(field.len()))
    }

    pub(super) fn u8(&mut self) -> Result<u8, TokenError> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TokenError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn expect(&mut self, value: u8, what: &'static str) -> Result<(), TokenError> {
        let offset = self.at;
        if self.u8()? == value { Ok(()) } else { Err(TokenError::Field { offset, what }) }
    }

    pub(super) const fn wrong(&self, what: &'static str) -> TokenError {
        TokenError::Field { offset: self.at, what }
    }
}
