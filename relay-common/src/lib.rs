#![no_std]
#![forbid(unsafe_code)]
pub mod x { #[derive(Clone,Copy,bytemuck::Pod,bytemuck::Zeroable)] #[repr(C)] pub struct A{pub a:u32} }
