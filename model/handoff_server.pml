/* Part of handoff.pml: what a command does to the document. */

/* ---- the transition, as in reference/transition.cpp; `ago` is the age of its NOW ---- */

inline find(who) { /* i: its place in the queue, or QUEUE */
  i = 0;
  do
  :: i < QUEUE && doc.waiter[i] != who -> i++
  :: else -> break
  od
}

inline remove_waiter(at) {
  for (j : at .. QUEUE - 2) {
    doc.waiter[j] = doc.waiter[j + 1];
    doc.seen[j] = doc.seen[j + 1]
  };
  doc.waiter[QUEUE - 1] = 0;
  doc.seen[QUEUE - 1] = 0;
  doc.waiters--
}

#ifdef OBSERVED
/* The holder of doc is another one, or has another beat. */
inline another_beat() {
  for (j : 0 .. CLIENTS - 1) {
    client[j].same = 0;
    client[j].shown_same = 0
  };
  late_same = 0
}

inline before_the_cut() { /* what is true of doc is true of safe */
  for (j : 0 .. CLIENTS - 1) {
    client[j].same_safe = client[j].same;
    client[j].shown_safe = client[j].shown_same
  };
  late_same_safe = late_same
}

inline after_the_stepdown() {
  for (j : 0 .. CLIENTS - 1) {
    client[j].same = client[j].same_safe;
    client[j].shown_same = client[j].shown_safe;
    client[j].same_safe = 0;
    client[j].shown_safe = 0
  };
  late_same = late_same_safe;
  late_same_safe = 0
}

#define EXPIRE(asks, is_same) \
  expiring = asks && (is_same || BROKEN(ANY_BEAT)) && doc.holder; \
  assert(!(BROKEN(SEE_EXPIRED) && expiring)); \
  assert(!(BROKEN(SEE_SPARED) && asks && !is_same && doc.holder))
#else
#define EXPIRE(asks, is_same)
#endif

inline remove_holder(d) {
  d.holder = 0;
  d.ends = 0;
  d.announced = 0
}

inline lose_holder() {
#ifdef OBSERVED
  another_beat();
#endif
  remove_holder(doc)
}

inline purge(ago) { /* the holder, if until <= NOW; waiters go elsewhere */
#ifdef OBSERVED
  if
  :: doc.holder && (expiring || BROKEN(NOW_ENDS)) && !BROKEN(NEVER_ENDS) -> lose_holder()
  :: else
  fi;
  expiring = 0
#else
  if
  :: doc.holder && doc.ends <= LAG - ago + (BROKEN(ENDS_EARLY) -> 1 : 0) && !BROKEN(NEVER_ENDS) -> remove_holder(doc)
  :: else
  fi
#endif
}

inline move_holder(ago) { /* until = max(until, NOW + delta) */
#ifdef OBSERVED
  if
  :: !BROKEN(HELD_UNCHANGED) ->
    if :: !BROKEN(SHORT_WATCH) -> doc.ends = DELTA :: else fi;
    if :: !BROKEN(SAME_BEAT) -> another_beat() :: else fi
  :: else
  fi;
#else
  when = LAG - ago + DELTA;
  if
  :: !BROKEN(HELD_UNCHANGED) && (when > doc.ends || BROKEN(BACKWARDS)) -> doc.ends = when
  :: else
  fi;
#endif
  doc.announced = 1
}

inline apply(what, who, ago) {
  find(who);
  if
  :: what == ENQUEUE || what == HEARTBEAT ->
    if
    :: doc.holder == who -> move_holder(ago)
    :: doc.holder != who && i < QUEUE -> /* seen = max(seen, NOW) */
      if :: ago < doc.seen[i] -> doc.seen[i] = ago :: else fi
    :: doc.holder != who && i == QUEUE && (what == ENQUEUE || BROKEN(HEARTBEAT_APPENDS)) ->
      if
      :: doc.gone && who == late_id && what == ENQUEUE -> assert(!BROKEN(SEE_TOMBSTONE))
      :: else ->
        assert(doc.waiters < QUEUE);
        doc.waiter[doc.waiters] = who;
        doc.seen[doc.waiters] = ago;
        doc.waiters++
      fi
    :: else
    fi
  :: what == RENEW -> move_holder(ago)
  :: what == RELEASE -> lose_holder()
  :: what == CANCEL || what == BURY ->
    if :: doc.holder == who && !BROKEN(HALF_A_CANCEL) -> lose_holder() :: else fi;
    if :: i < QUEUE -> remove_waiter(i) :: else fi;
    if :: what == BURY && who == late_id && !BROKEN(NO_TOMBSTONE) -> doc.gone = 1 :: else fi
  fi
}

inline admit(who, ago) { /* the head of the queue */
  if
  :: doc.holder == 0 && doc.waiters > 0 ->
    flag = (doc.waiter[0] == who); /* by its own command */
    assert(!(BROKEN(SEE_STALE) && ago > doc.seen[0] && !flag));
    when = LAG - (ago < doc.seen[0] -> ago : doc.seen[0]); /* since = max(NOW, seen) */
    doc.holder = doc.waiter[0];
#ifdef OBSERVED
    another_beat();
    doc.ends = (flag -> DELTA : TERM);
#else
    doc.ends = when + (flag -> DELTA : TERM);
#endif
    doc.announced = flag;
#ifndef WAKING
    if :: flag || !BROKEN(SAME_TOKEN) -> doc.fence++ :: else fi;
    assert(doc.fence < 100); /* tokens are bytes elsewhere */
#endif
    remove_waiter(0)
  :: else
  fi
}

inline transition(what, who, ago) {
  verdict = NO_ENTRY;
  if
#ifdef OBSERVED
  :: what == RENEW && doc.holder != who
#else
  :: what == RENEW && (doc.holder != who || doc.ends <= LAG - ago) /* finds no document */
#endif
  :: what == RELEASE && doc.holder != who && !BROKEN(NO_OWNER_CHECK)
  :: else ->
    if :: what != RENEW -> purge(ago) :: else fi;
    apply(what, who, ago);
    if :: what != RENEW && !(what == HEARTBEAT && BROKEN(HEARTBEAT_ADMITS_NOBODY)) -> admit(who, ago) :: else fi;
    find(who);
    if
    :: doc.holder == who -> verdict = HELD
    :: doc.holder != who && i < QUEUE -> verdict = WAITS
    :: else
    fi
  fi
}

inline check_ghosts(who) {
  find(who);
  no_ghosts = ((doc.holder != who && i == QUEUE) || LEFT_OUT(NO_GHOSTS));
  assert(no_ghosts)
}
