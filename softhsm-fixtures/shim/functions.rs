//! The functions of PKCS#11 2.40, in the order of `CK_FUNCTION_LIST`.

use std::ffi::{c_ulong, c_void};

/// `CK_RV`.
pub(crate) type Rv = c_ulong;
/// `CK_BBOOL`.
#[allow(dead_code, reason = "the shim's")]
pub(crate) type Bool = u8;
/// `CK_ULONG`, and all that is one: handles, flags, types, lengths.
pub(crate) type Ulong = c_ulong;
/// Anything that is passed by address.
#[allow(dead_code, reason = "the shim's")]
pub(crate) type Pointer = *mut c_void;

/// Gives the table to another macro. A row is: variant, C name, what the first argument says the call is about,
/// arguments.
///
/// `Slot` and `Session` calls need the card, `Always` ones do not, and all these are forwarded alike; for `Own` ones
/// the shim has code of its own.
macro_rules! for_each_function {
    ($callback:ident) => {
        $callback! {
            Initialize C_Initialize Own (arguments: Pointer);
            Finalize C_Finalize Own (reserved: Pointer);
            GetInfo C_GetInfo Always (info: Pointer);
            GetFunctionList C_GetFunctionList Own (list: Pointer);
            GetSlotList C_GetSlotList Own (present: Bool, slots: Pointer, count: Pointer);
            GetSlotInfo C_GetSlotInfo Own (slot: Ulong, info: Pointer);
            GetTokenInfo C_GetTokenInfo Slot (slot: Ulong, info: Pointer);
            GetMechanismList C_GetMechanismList Slot (slot: Ulong, list: Pointer, count: Pointer);
            GetMechanismInfo C_GetMechanismInfo Slot (slot: Ulong, mechanism: Ulong, info: Pointer);
            InitToken C_InitToken Slot (slot: Ulong, pin: Pointer, length: Ulong, label: Pointer);
            InitPin C_InitPIN Session (session: Ulong, pin: Pointer, length: Ulong);
            SetPin C_SetPIN Session (session: Ulong, old: Pointer, old_length: Ulong, new: Pointer, length: Ulong);
            OpenSession C_OpenSession Slot
                (slot: Ulong, flags: Ulong, application: Pointer, notify: Pointer, session: Pointer);
            CloseSession C_CloseSession Session (session: Ulong);
            CloseAllSessions C_CloseAllSessions Slot (slot: Ulong);
            GetSessionInfo C_GetSessionInfo Session (session: Ulong, info: Pointer);
            GetOperationState C_GetOperationState Session (session: Ulong, state: Pointer, length: Pointer);
            SetOperationState C_SetOperationState Session
                (session: Ulong, state: Pointer, length: Ulong, encryption_key: Ulong, authentication_key: Ulong);
            Login C_Login Session (session: Ulong, user: Ulong, pin: Pointer, length: Ulong);
            Logout C_Logout Session (session: Ulong);
            CreateObject C_CreateObject Session (session: Ulong, template: Pointer, count: Ulong, object: Pointer);
            CopyObject C_CopyObject Session
                (session: Ulong, object: Ulong, template: Pointer, count: Ulong, copy: Pointer);
            DestroyObject C_DestroyObject Session (session: Ulong, object: Ulong);
            GetObjectSize C_GetObjectSize Session (session: Ulong, object: Ulong, size: Pointer);
            GetAttributeValue C_GetAttributeValue Session
                (session: Ulong, object: Ulong, template: Pointer, count: Ulong);
            SetAttributeValue C_SetAttributeValue Session
                (session: Ulong, object: Ulong, template: Pointer, count: Ulong);
            FindObjectsInit C_FindObjectsInit Session (session: Ulong, template: Pointer, count: Ulong);
            FindObjects C_FindObjects Session (session: Ulong, objects: Pointer, most: Ulong, count: Pointer);
            FindObjectsFinal C_FindObjectsFinal Session (session: Ulong);
            EncryptInit C_EncryptInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            Encrypt C_Encrypt Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            EncryptUpdate C_EncryptUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            EncryptFinal C_EncryptFinal Session (session: Ulong, output: Pointer, output_length: Pointer);
            DecryptInit C_DecryptInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            Decrypt C_Decrypt Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DecryptUpdate C_DecryptUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DecryptFinal C_DecryptFinal Session (session: Ulong, output: Pointer, output_length: Pointer);
            DigestInit C_DigestInit Session (session: Ulong, mechanism: Pointer);
            Digest C_Digest Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DigestUpdate C_DigestUpdate Session (session: Ulong, data: Pointer, length: Ulong);
            DigestKey C_DigestKey Session (session: Ulong, key: Ulong);
            DigestFinal C_DigestFinal Session (session: Ulong, output: Pointer, output_length: Pointer);
            SignInit C_SignInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            Sign C_Sign Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            SignUpdate C_SignUpdate Session (session: Ulong, data: Pointer, length: Ulong);
            SignFinal C_SignFinal Session (session: Ulong, output: Pointer, output_length: Pointer);
            SignRecoverInit C_SignRecoverInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            SignRecover C_SignRecover Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            VerifyInit C_VerifyInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            Verify C_Verify Session
                (session: Ulong, data: Pointer, length: Ulong, signature: Pointer, signature_length: Ulong);
            VerifyUpdate C_VerifyUpdate Session (session: Ulong, data: Pointer, length: Ulong);
            VerifyFinal C_VerifyFinal Session (session: Ulong, signature: Pointer, signature_length: Ulong);
            VerifyRecoverInit C_VerifyRecoverInit Session (session: Ulong, mechanism: Pointer, key: Ulong);
            VerifyRecover C_VerifyRecover Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DigestEncryptUpdate C_DigestEncryptUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DecryptDigestUpdate C_DecryptDigestUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            SignEncryptUpdate C_SignEncryptUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            DecryptVerifyUpdate C_DecryptVerifyUpdate Session
                (session: Ulong, data: Pointer, length: Ulong, output: Pointer, output_length: Pointer);
            GenerateKey C_GenerateKey Session
                (session: Ulong, mechanism: Pointer, template: Pointer, count: Ulong, key: Pointer);
            GenerateKeyPair C_GenerateKeyPair Session
                (session: Ulong, mechanism: Pointer, public_template: Pointer, public_count: Ulong,
                 private_template: Pointer, private_count: Ulong, public_key: Pointer, private_key: Pointer);
            WrapKey C_WrapKey Session
                (session: Ulong, mechanism: Pointer, wrapping_key: Ulong, key: Ulong,
                 wrapped: Pointer, wrapped_length: Pointer);
            UnwrapKey C_UnwrapKey Own
                (session: Ulong, mechanism: Pointer, unwrapping_key: Ulong, wrapped: Pointer, wrapped_length: Ulong,
                 template: Pointer, count: Ulong, key: Pointer);
            DeriveKey C_DeriveKey Session
                (session: Ulong, mechanism: Pointer, base_key: Ulong, template: Pointer, count: Ulong, key: Pointer);
            SeedRandom C_SeedRandom Session (session: Ulong, seed: Pointer, length: Ulong);
            GenerateRandom C_GenerateRandom Session (session: Ulong, random: Pointer, length: Ulong);
            GetFunctionStatus C_GetFunctionStatus Session (session: Ulong);
            CancelFunction C_CancelFunction Session (session: Ulong);
            WaitForSlotEvent C_WaitForSlotEvent Always (flags: Ulong, slot: Pointer, reserved: Pointer);
        }
    };
}
pub(crate) use for_each_function;

macro_rules! function_type {
    ($($name:ident $c_name:ident $about:ident ($($argument:ident: $type:ident),*);)*) => {
        /// A function of PKCS#11 2.40, without its `C_`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        #[allow(clippy::enum_variant_names, reason = "the standard has C_GetFunctionList and C_CancelFunction")]
        #[non_exhaustive]
        pub enum Function {
            $(#[doc = concat!("`", stringify!($c_name), "`")] $name,)*
        }

        /// How many there are.
        pub(crate) const FUNCTIONS: usize = [$(Function::$name),*].len();
    };
}
for_each_function!(function_type);

/// `CK_FUNCTION_LIST`: the version as two bytes, then a pointer for each function.
#[repr(C)]
pub(crate) struct FunctionList {
    pub(crate) version: [u8; 2],
    pub(crate) entries: [*const (); FUNCTIONS],
}
