//! A message centre and an application joined in memory.
#![allow(dead_code, reason = "every test file uses its own share of these helpers")]

use std::time::{Duration, Instant};

use smpp::{
    Bind, Octets, Sm, Status,
    session::{Answer, Config, Event, Owed, Role, Session, Why},
};

/// Both ends of a connection, with what they told.
pub(crate) struct Link {
    pub(crate) smsc: Session,
    pub(crate) esme: Session,
    pub(crate) now: Instant,
    /// Octets are handed over in pieces of so many.
    pub(crate) piece: usize,
    /// What happened, besides requests that were answered.
    pub(crate) heard: Vec<Event>,
    /// What binds are refused with.
    pub(crate) refuse_with: Option<Status>,
    /// What requests are answered.
    pub(crate) answer_with: Answer,
    /// Requests are not answered until [`Link::answer_kept`].
    pub(crate) keep_answers: bool,
    kept: Vec<(Role, Owed)>,
}

impl Link {
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        Self {
            smsc: Session::new(Role::Smsc, config.clone(), now),
            esme: Session::new(Role::Esme, config, now),
            now,
            piece: 7,
            heard: Vec::new(),
            refuse_with: None,
            answer_with: Answer::taken("id-1"),
            keep_answers: false,
            kept: Vec::new(),
        }
    }

    /// Two sessions that are bound so.
    pub(crate) fn bound(mode: smpp::session::BindMode, config: Config) -> Self {
        let mut link = Self::new(config);
        link.esme.bind(mode, bind(), link.now).expect("an open session");
        link.run();
        assert_eq!((link.smsc.bound(), link.esme.bound()), (Some(mode), Some(mode)));
        link.heard.clear();
        link
    }

    /// Hands octets over and answers requests until nothing moves any more.
    pub(crate) fn run(&mut self) {
        loop {
            self.listen(Role::Smsc);
            self.listen(Role::Esme);
            let moved = self.carry(Role::Smsc) + self.carry(Role::Esme);
            if moved == 0 {
                return;
            }
        }
    }

    /// Lets time pass, and everything that is due on the way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.run();
        while let Some(due) = [self.smsc.due(), self.esme.due()]
            .into_iter()
            .flatten()
            .min()
            .filter(|due| *due <= end)
        {
            self.now = self.now.max(due);
            self.smsc.tick(self.now);
            self.esme.tick(self.now);
            self.run();
        }
        self.now = end;
    }

    /// Answers what was kept.
    pub(crate) fn answer_kept(&mut self) {
        self.keep_answers = false;
        for (role, owed) in std::mem::take(&mut self.kept) {
            let (answer, now) = (self.answer_with.clone(), self.now);
            self.side(role)
                .respond(owed, answer, now)
                .expect("an answer that can be written");
        }
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> usize {
        let is_answer = |event: &&Event| matches!(event, Event::Answered { .. });
        self.heard.iter().filter(is_answer).count()
    }

    /// How the sessions ended.
    pub(crate) fn ends(&self) -> Vec<Why> {
        let ends = self.heard.iter().filter_map(|event| match event {
            Event::Closed(why) => Some(why.clone()),
            _ => None,
        });
        ends.collect()
    }

    fn side(&mut self, role: Role) -> &mut Session {
        match role {
            Role::Smsc => &mut self.smsc,
            Role::Esme => &mut self.esme,
        }
    }

    /// Carries what one side wrote to the other.
    fn carry(&mut self, from: Role) -> usize {
        let octets = self.side(from).outgoing().to_vec();
        let (now, piece) = (self.now, self.piece);
        let mut moved = 0;
        for piece in octets.chunks(piece) {
            let taken = self.side(from.peer()).receive(piece, now);
            moved += taken;
            self.listen(from.peer());
            if taken < piece.len() {
                break;
            }
        }
        self.side(from).written(moved);
        moved
    }

    fn listen(&mut self, role: Role) {
        while let Some(event) = self.side(role).poll() {
            let now = self.now;
            match event {
                Event::BindRequested { owed, .. } => match self.refuse_with {
                    Some(status) => self.side(role).refuse(owed, status, now),
                    None => self.side(role).accept(owed, now),
                },
                Event::Request { owed, .. } if self.keep_answers => self.kept.push((role, owed)),
                Event::Request { owed, .. } => {
                    let answer = self.answer_with.clone();
                    self.side(role)
                        .respond(owed, answer, now)
                        .expect("an answer that can be written");
                }
                other => self.heard.push(other),
            }
        }
    }
}

pub(crate) fn bind() -> Bind {
    Bind {
        system_id: "app".into(),
        password: "secret".into(),
        interface_version: 0x34,
        ..Bind::default()
    }
}

pub(crate) fn sm(text: &str) -> Sm {
    Sm {
        source_addr: "49170".into(),
        destination_addr: "49171".into(),
        short_message: Octets::from(text),
        ..Sm::default()
    }
}
