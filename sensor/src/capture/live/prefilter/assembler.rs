//! Instructions of the kernel's machine, written down by hand.
//!
//! Each is eight octets (`struct bpf_insn`): code, the two registers, offset, immediate. Jumps name
//! a label, which is put in once all instructions stand.

/// A register: 0 holds results, 1 to 5 arguments, 6 to 9 outlive calls, 10 is the end of the stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Register(pub(super) u8);

/// A place in the program, to jump to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Label(usize);

/// How wide a load or store is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Width {
    Octet = 0x10,
    Two = 0x08,
    Four = 0x00,
    Eight = 0x18,
}

/// What a jump compares; signed where it says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    Equal = 0x10,
    Above = 0x20,
    AtLeast = 0x30,
    AnyBit = 0x40,
    NotEqual = 0x50,
    SignedAbove = 0x60,
    Below = 0xa0,
    SignedBelow = 0xc0,
}

/// What an instruction computes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Compute {
    Add = 0x00,
    Subtract = 0x10,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Move = 0xb0,
}

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<u64>,
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    /// A label that does not stand anywhere yet.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        let here = self.code.len();
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(here);
        }
    }

    /// `to = to OP value`.
    pub(super) fn compute(&mut self, op: Compute, to: Register, value: i32) {
        self.push(0x07 | op as u8, to, ZERO, 0, value);
    }

    /// `to = to OP from`.
    pub(super) fn compute_with(&mut self, op: Compute, to: Register, from: Register) {
        self.push(0x0f | op as u8, to, from, 0, 0);
    }

    /// Takes the lower 16 bits as they come from the wire.
    pub(super) fn from_wire(&mut self, register: Register) {
        self.push(0xdc, register, ZERO, 0, 16);
    }

    /// `to = *(from + offset)`.
    pub(super) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(0x61 | width as u8, to, from, offset, 0);
    }

    /// `*(to + offset) = from`.
    pub(super) fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        self.push(0x63 | width as u8, to, from, offset, 0);
    }

    /// `*(to + offset) = value`.
    pub(super) fn store_value(&mut self, width: Width, to: Register, offset: i16, value: i32) {
        self.push(0x62 | width as u8, to, ZERO, offset, value);
    }

    /// `*(to + offset) += from`, atomically, on 64 bits.
    pub(super) fn add_atomically(&mut self, to: Register, offset: i16, from: Register) {
        self.push(0xdb, to, from, offset, 0);
    }

    /// Points a register to a map, by its descriptor.
    pub(super) fn load_map(&mut self, to: Register, descriptor: i32) {
        const PSEUDO_MAP: Register = Register(1);
        self.push(0x18, to, PSEUDO_MAP, 0, descriptor);
        self.push(0, ZERO, ZERO, 0, 0);
    }

    /// Calls a function of the kernel by its number.
    pub(super) fn call(&mut self, function: i32) {
        self.push(0x85, ZERO, ZERO, 0, function);
    }

    /// Ends the program with the value of register 0.
    pub(super) fn exit(&mut self) {
        self.push(0x95, ZERO, ZERO, 0, 0);
    }

    /// Jumps in any case.
    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x05, ZERO, ZERO, 0, 0);
    }

    /// Jumps when a register compares so to a value.
    pub(super) fn jump_if(&mut self, register: Register, when: When, value: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(0x05 | when as u8, register, ZERO, 0, value);
    }

    /// Jumps when a register compares so to another.
    pub(super) fn jump_if_with(
        &mut self,
        register: Register,
        when: When,
        other: Register,
        to: Label,
    ) {
        self.jumps.push((self.code.len(), to));
        self.push(0x0d | when as u8, register, other, 0, 0);
    }

    /// The instructions, with all jumps put in. A jump to a label that stands nowhere leads to the
    /// next instruction, and the kernel refuses what then cannot be reached.
    pub(super) fn finish(mut self) -> Vec<u64> {
        for (at, label) in &self.jumps {
            let target = self.labels.get(label.0).copied().flatten();
            let distance = target.and_then(|it| i16::try_from(it.checked_sub(at + 1)?).ok());
            if let (Some(instruction), Some(distance)) = (self.code.get_mut(*at), distance) {
                *instruction |= u64::from(distance.cast_unsigned()) << 16;
            }
        }
        self.code
    }

    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, value: i32) {
        self.code.push(
            u64::from(code)
                | u64::from(to.0 | from.0 << 4) << 8
                | u64::from(offset.cast_unsigned()) << 16
                | u64::from(value.cast_unsigned()) << 32,
        );
    }
}

const ZERO: Register = Register(0);
