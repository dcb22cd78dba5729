//! A machine for classic filter programs, as the kernel's is.
//!
//! The library can run a program only on a frame that holds all its tags, while the kernel runs it
//! on one whose outer tag stands beside the frame; which of the two it is makes the difference that
//! matters. So samples are tried here.

use crate::capture::samples::Sample;

/// A compiled filter.
#[derive(Clone, Debug)]
pub(super) struct Program(Vec<Instruction>);

#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    k: u32,
}

/// What an instruction leads to.
enum Step {
    Next,
    Skip(u32),
    End(u32),
}

#[derive(Debug, Default)]
struct Machine {
    a: u32,
    x: u32,
    memory: [u32; 16],
}

impl Program {
    /// Reads instructions from their numbers: code, two jumps, operand. `None` if these are none.
    pub(super) fn read(lines: impl Iterator<Item = String>) -> Option<Self> {
        let instruction = |line: String| {
            let mut numbers = line.split(' ');
            Some(Instruction {
                code: numbers.next()?.parse().ok()?,
                if_true: numbers.next()?.parse().ok()?,
                if_false: numbers.next()?.parse().ok()?,
                k: numbers.next()?.parse().ok()?,
            })
        };
        lines.map(instruction).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether a frame passes. A load from beyond its end ends the program, and it does not.
    pub(super) fn passes(&self, sample: &Sample) -> bool {
        let mut machine = Machine::default();
        let mut place = 0_usize;
        while let Some(instruction) = self.0.get(place) {
            match machine.step(*instruction, sample) {
                Some(Step::Next) => place += 1,
                // Jumps lead forward only, so the loop ends.
                Some(Step::Skip(count)) => place += 1 + count as usize,
                Some(Step::End(len)) => return len > 0,
                None => return false,
            }
        }
        false
    }
}

impl Machine {
    fn step(&mut self, it: Instruction, sample: &Sample) -> Option<Step> {
        match it.code & 0x07 {
            LD => self.a = self.load(it, sample)?,
            LDX if it.code & 0xe0 == MSH => {
                self.x = u32::from(*sample.octets.get(it.k as usize)? & 0x0f) * 4;
            }
            LDX => self.x = self.load(it, sample)?,
            ST => *self.memory.get_mut(it.k as usize)? = self.a,
            STX => *self.memory.get_mut(it.k as usize)? = self.x,
            ALU => self.a = self.compute(it)?,
            JMP => return Some(Step::Skip(self.jump(it))),
            RET => {
                return Some(Step::End(if it.code & 0x18 == 0x10 {
                    self.a
                } else {
                    it.k
                }));
            }
            _ if it.code & 0x80 == 0 => self.x = self.a,
            _ => self.a = self.x,
        }
        Some(Step::Next)
    }

    fn load(&self, it: Instruction, sample: &Sample) -> Option<u32> {
        let at = match it.code & 0xe0 {
            IMM => return Some(it.k),
            MEM => return self.memory.get(it.k as usize).copied(),
            LEN => return u32::try_from(sample.octets.len()).ok(),
            ABS if it.k >= ANCILLARY => return Some(beside(it.k - ANCILLARY, sample)),
            ABS => it.k,
            IND => self.x.checked_add(it.k)?,
            _ => return None,
        } as usize;
        let width = match it.code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            _ => 1,
        };
        let octets = sample.octets.get(at..at.checked_add(width)?)?;
        Some(octets.iter().fold(0, |sum, &it| sum << 8 | u32::from(it)))
    }

    fn compute(&self, it: Instruction) -> Option<u32> {
        let with = self.operand(it);
        Some(match it.code & 0xf0 {
            0x00 => self.a.wrapping_add(with),
            0x10 => self.a.wrapping_sub(with),
            0x20 => self.a.wrapping_mul(with),
            0x30 => self.a.checked_div(with)?,
            0x40 => self.a | with,
            0x50 => self.a & with,
            0x60 => self.a.checked_shl(with).unwrap_or(0),
            0x70 => self.a.checked_shr(with).unwrap_or(0),
            0x80 => self.a.wrapping_neg(),
            0x90 => self.a.checked_rem(with)?,
            _ => self.a ^ with,
        })
    }

    fn jump(&self, it: Instruction) -> u32 {
        let with = self.operand(it);
        let holds = match it.code & 0xf0 {
            0x00 => return it.k,
            0x10 => self.a == with,
            0x20 => self.a > with,
            0x30 => self.a >= with,
            _ => self.a & with != 0,
        };
        u32::from(if holds { it.if_true } else { it.if_false })
    }

    const fn operand(&self, it: Instruction) -> u32 {
        if it.code & 0x08 == 0 { it.k } else { self.x }
    }
}

/// What the kernel tells beside the frame.
fn beside(what: u32, sample: &Sample) -> u32 {
    let protocol = sample.octets.get(12..14).unwrap_or_default();
    match (what, sample.tag) {
        (PROTOCOL, _) => protocol.iter().fold(0, |sum, &it| sum << 8 | u32::from(it)),
        (VLAN_TAG, Some((_, tag))) => u32::from(tag),
        (VLAN_TAG_PRESENT, Some(_)) => 1,
        (VLAN_TPID, Some((protocol, _))) => u32::from(protocol),
        // The frame came in from outside, on the interface of number 0, and has no mark.
        _ => 0,
    }
}

/// Classes and modes of instructions (`linux/bpf_common.h`).
const LD: u16 = 0x00;
const LDX: u16 = 0x01;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
const ALU: u16 = 0x04;
const JMP: u16 = 0x05;
const RET: u16 = 0x06;
const IMM: u16 = 0x00;
const ABS: u16 = 0x20;
const IND: u16 = 0x40;
const MEM: u16 = 0x60;
const LEN: u16 = 0x80;
const MSH: u16 = 0xa0;

/// Where what stands beside the frame begins, and what it is (`linux/filter.h`).
const ANCILLARY: u32 = 0xffff_f000;
const PROTOCOL: u32 = 0;
const VLAN_TAG: u32 = 44;
const VLAN_TAG_PRESENT: u32 = 48;
const VLAN_TPID: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_beside_the_frame_is_seen() {
        // ld vlanp; jeq #1, ret 1, ret 0
        let code = ["32 0 0 4294963248", "21 0 1 1", "6 0 0 65535", "6 0 0 0"];
        let program = Program::read(code.into_iter().map(str::to_owned)).unwrap();
        let mut sample = Sample {
            tag: Some((0x8100, 5)),
            octets: vec![0; 64],
        };
        assert!(program.passes(&sample));
        sample.tag = None;
        assert!(!program.passes(&sample));
    }

    #[test]
    fn a_load_beyond_the_end_ends_the_program() {
        let code = ["40 0 0 100", "6 0 0 65535"];
        let program = Program::read(code.into_iter().map(str::to_owned)).unwrap();
        let sample = Sample {
            tag: None,
            octets: vec![0; 64],
        };
        assert!(!program.passes(&sample));
        assert!(Program::read(["x".to_owned()].into_iter()).is_none());
    }
}
