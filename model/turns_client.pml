/* Part of turns.pml: what a client does. */

#define ME client[_pid]
#define MY_ID ID(_pid, ME.tries)
#define TRY(id) (((id) - 1) % TRIES + 1)

inline check_entry(id) {
  if
  :: id ->
    n = OWNER(id);
    no_orphans = (client[n].dead || ACTING(id) || client[n].todo[TRY(id)] != NOTHING || \
      (client[n].phase != NONE && client[n].op == PASS && client[n].passes == TRY(id)) || LEFT_OUT(NO_ORPHANS));
    assert(no_orphans)
  :: else
  fi
}

inline check() {
  for (k : 0 .. CLIENTS - 1) {
    somebody_acts = (client[k].is != IDLE || client[k].waits == 0 || LEFT_OUT(SOMEBODY_ACTS));
    assert(somebody_acts)
  };
  check_entry(doc.holder);
  for (k : 0 .. QUEUE - 1) { check_entry(doc.waiter[k]) };
  skip
}

/* ---- turns ---- */

inline find_next(c) { /* next: the call whose turn it is; 0: there is none */
  next = 0;
  for (k : 1 .. CALLS) {
    if :: (client[c].waits & (1 << k)) && (next == 0 || BROKEN(LAST_FIRST)) -> next = k :: else fi
  }
}

inline stops_waiting(c, who) {
  client[c].waits = client[c].waits & (~(1 << who))
}

inline forget_command(c) {
  client[c].phase = NONE;
  client[c].op = ENQUEUE;
  client[c].verdict = NO_ENTRY;
  client[c].passes = 0
}

inline rest(c) {
  client[c].is = IDLE;
  client[c].call = 0;
  client[c].doubt = 0;
  client[c].heir = 0;
  client[c].mute = 0;
  client[c].after = 0
}

inline begin(c, who, releases) { /* it asks the server; if possible, in the command that releases */
  printf("client %d: call %d asks, releases %d\n", c, who, releases);
  if :: !(BROKEN(SAME_ID) && releases) -> client[c].tries++ :: else fi;
  assert(client[c].tries <= TRIES);
  client[c].is = ASKING;
  client[c].call = who;
  client[c].phase = SENT;
  client[c].op = (releases -> PASS : ENQUEUE);
  client[c].passes = releases
}

inline start_next_turns(c) { /* nobody acts any more */
  find_next(c);
  if
  :: next -> stops_waiting(c, next); begin(c, next, 0)
  :: else
  fi
}

/* ---- what answers mean ---- */

inline believe(c) {
  printf("client %d: call %d holds\n", c, client[c].call);
  exclusive = 1;
  for (j : 0 .. CLIENTS - 1) {
    exclusive = exclusive && (j == c || (client[j].is != HOLDING && !client[j].lingers))
  };
  exclusive = exclusive || LEFT_OUT(EXCLUSIVE);
  assert(exclusive);
  tokens_rise = (doc.fence || LEFT_OUT(TOKENS_RISE));
  assert(tokens_rise);
  doc.fence = 0;
  safe.fence = 0;
  in_order = ((client[c].waits & ((1 << client[c].call) - 1)) == 0 || LEFT_OUT(IN_ORDER));
  assert(in_order);
  for (j : 0 .. QUEUE - 1) {
    if
    :: doc.waiter[j] && OWNER(doc.waiter[j]) != c && ACTING(doc.waiter[j]) ->
      k = OWNER(doc.waiter[j]);
      one_turn_each = (!(client[k].after & (1 << c)) || LEFT_OUT(ONE_TURN_EACH));
      assert(one_turn_each);
      client[k].after = client[k].after | (1 << c)
    :: else
    fi
  };
  assert(!(BROKEN(SEE_INHERITED) && client[c].heir && client[c].doubt));
  forget_command(c);
  client[c].is = HOLDING;
  client[c].after = 0
}

#define LEAVES(c) (client[c].doubt -> RELEASE_AND_BURY : RELEASE)

/* What it waited for may have been carried out, or may be yet. Each part of a pass is repeated by itself. */
inline unanswered(c) {
  printf("client %d: no answer\n", c);
  if
  :: client[c].op == PASS ->
    if
    :: !BROKEN(RELEASE_NOT_REPEATED) ->
      client[c].todo[client[c].passes] = (client[c].buries -> RELEASE_AND_BURY : RELEASE_AGAIN)
    :: else
    fi;
    client[c].buries = 0;
    client[c].mute = BROKEN(ENQUEUE_NOT_REPEATED)
  :: else
  fi;
  client[c].doubt = client[c].doubt || !(client[c].op == PASS && BROKEN(PASS_UNDOUBTED));
  forget_command(c)
}

inline read_answer() {
  verdict = ME.verdict;
  if
  :: ME.op == PASS ->
    assert(!(BROKEN(SEE_PASSED) && verdict == HELD));
    assert(!(BROKEN(SEE_TURN) && verdict == WAITS));
    if
    :: verdict == REFUSED && !BROKEN(REFUSED_RELEASES) ->
      ME.todo[ME.passes] = (ME.buries -> RELEASE_AND_BURY : RELEASE_AGAIN)
    :: else ->
      ME.lingers = 0;
      if :: ME.buries -> ME.todo[ME.passes] = BURY :: else fi
    fi;
    ME.buries = 0;
    if :: verdict == WAITS && BROKEN(LOCAL_GRANT) -> verdict = HELD :: else fi
  :: else
  fi;
  forget_command(_pid);
  if
  :: verdict == HELD -> believe(_pid)
  :: verdict == WAITS -> ME.is = QUEUED
  :: verdict == NO_ENTRY -> /* again with a fresh id */
    if :: ME.doubt -> ME.todo[ME.tries] = BURY :: else fi;
    next = ME.call;
    rest(_pid);
    begin(_pid, next, 0)
  :: verdict == NOT_ASKED -> ME.waits = ME.waits | (1 << ME.call); rest(_pid)
  :: verdict == REFUSED -> fails(_pid)
  fi;
  check()
}

/* The call that asks is over without the lock. */
inline fails(c) {
  if
  :: BROKEN(NOT_GIVEN_UP) && client[c].waits
  :: else -> client[c].todo[client[c].tries] = (client[c].doubt -> BURY : CANCEL)
  fi;
  rest(c);
  if :: !BROKEN(NOT_AFTER_FAILURE) -> start_next_turns(c) :: else fi
}

/* ---- a hold ends ---- */

inline release() {
  printf("client %d: call %d releases\n", _pid, ME.call);
  n = ME.tries;
  if
  :: ME.waits == 0 || BROKEN(AFTER_ANSWER) -> ME.todo[n] = LEAVES(_pid); rest(_pid)
  :: else -> ME.buries = ME.doubt; rest(_pid); find_next(_pid); stops_waiting(_pid, next); begin(_pid, next, n)
  fi;
  ME.lingers = BROKEN(LIVES_ON);
  check()
}

inline release_apart() { /* the next one enqueues by itself, at the same time */
  printf("client %d: call %d releases\n", _pid, ME.call);
  ME.todo[ME.tries] = LEAVES(_pid);
  rest(_pid);
  start_next_turns(_pid);
  check()
}

inline pass_locally() {
  find_next(_pid);
  stops_waiting(_pid, next);
  ME.call = next;
  believe(_pid)
}

/* ---- what is done in the background, until a majority has it ---- */

inline undo(t) { /* carried out, and answered */
  printf("client %d: %e of try %d\n", _pid, ME.todo[t], t);
  end_of(ME.todo[t], ID(_pid, t));
  ME.todo[t] = (ME.todo[t] == RELEASE_AND_BURY -> BURY : NOTHING);
  ME.lingers = 0;
  check()
}

inline undo_unheard(t) {
  printf("client %d: %e of try %d, no answer\n", _pid, ME.todo[t], t);
  end_of(ME.todo[t], ID(_pid, t));
  if :: ME.todo[t] == RELEASE -> ME.todo[t] = RELEASE_AGAIN :: else fi
}

#define IN_A_VIEW(id) (cut -> safe.holder == id : doc.holder == id)

inline confirm(t) { /* a majority shows whether the holder is gone */
  if
  :: IN_A_VIEW(ID(_pid, t)) ->
    assert(cut || !BROKEN(SEE_TAKEN_BACK));
    ME.todo[t] = RELEASE_AGAIN
  :: else -> ME.todo[t] = NOTHING
  fi;
  check()
}

#define UNDOES(t) \
  :: d_step { ME.todo[t] != NOTHING && ME.todo[t] != EARLY && !cut -> undo(t) } \
  :: d_step { ME.todo[t] != NOTHING && ME.todo[t] != EARLY && (cut || MAY(LOSSES)) && WOULD_END(ME.todo[t], ID(_pid, t)) -> \
      if :: !cut -> faults-- :: else fi; \
      undo_unheard(t) } \
  :: d_step { ME.todo[t] == RELEASE && MAY(LATE) && !late -> \
      faults--; late = 1; late_op = RELEASE; late_id = ID(_pid, t); ME.todo[t] = RELEASE_AGAIN } \
  :: d_step { EARLY_ONES && (ME.todo[t] == RELEASE || (BROKEN(EARLY_IN_DOUBT) && ME.todo[t] == RELEASE_AND_BURY)) && \
      doc.holder == ID(_pid, t) && doc.waiters == 0 -> \
      printf("client %d: try %d is released early\n", _pid, t); \
      doc.holder = 0; \
      ME.todo[t] = (BROKEN(FORGOTTEN) -> NOTHING : EARLY) } \
  :: d_step { ME.todo[t] == EARLY -> confirm(t) } \
  :: d_step { ME.todo[t] == EARLY && BROKEN(OLD_VIEW) -> ME.todo[t] = NOTHING }

/* ---- */

#define LEAVE_LOCALLY(call) \
  :: d_step { (ME.waits & (1 << call)) && giveups > 0 -> \
      printf("client %d: call %d waits no more\n", _pid, call); \
      giveups--; \
      stops_waiting(_pid, call) }

active [CLIENTS] proctype a_client() {
  do
  /* calls come, and hold, and release */
  :: d_step { ME.came < CALLS && !ME.dead && (_pid == 0 || client[_pid - 1].came) -> /* they are alike */
      ME.came++;
      if
      :: ME.is != IDLE -> ME.waits = ME.waits | (1 << ME.came)
      :: else -> begin(_pid, ME.came, 0)
      fi;
      check() }
  :: d_step { ME.is == HOLDING -> release() }
  :: d_step { ME.is == HOLDING && APART && ME.waits -> release_apart() }
  :: d_step { ME.is == HOLDING && BROKEN(LOCAL_PASS) && ME.waits -> pass_locally() }
  :: d_step { ME.is == HOLDING && MAY(EXPIRIES) ->
      printf("client %d: call %d loses its lease\n", _pid, ME.call);
      faults--;
      ME.todo[ME.tries] = LEAVES(_pid);
      rest(_pid);
      if :: !BROKEN(NOT_AFTER_LOSS) -> start_next_turns(_pid) :: else fi;
      check() }

  /* what acts */
  :: d_step { ME.is == ASKING && ME.phase == NONE && !ME.mute -> ME.phase = SENT } /* again, with the same id */
  :: d_step { ME.is == QUEUED && ME.phase == NONE && !ME.mute && !STANDS(MY_ID) -> /* an answer would say something new */
      ME.op = HEARTBEAT;
      ME.phase = SENT }
  :: d_step { ME.phase == SENT ->
      printf("client %d: %e carried out\n", _pid, ME.op);
      when = (ME.op == PASS -> ID(_pid, ME.passes) : 0);
      transition(ME.op, MY_ID, when);
      ME.verdict = verdict;
      ME.phase = (cut && !(BROKEN(PASSED_EARLY) && ME.op == PASS) -> SILENT : ANSWERED);
      check() }
  :: d_step { ME.phase == ANSWERED -> read_answer() }
  :: d_step { ME.phase == SENT && ME.op != HEARTBEAT && MAY(REFUSALS) && !cut ->
      faults--;
      ME.verdict = REFUSED;
      ME.phase = ANSWERED }
  :: d_step { (ME.phase == SENT || ME.phase == ANSWERED) && MAY(LOSSES) -> faults--; unanswered(_pid); check() }
  :: d_step { ME.phase == SENT && MAY(LATE) && !late ->
      faults--;
      late = 1;
      late_op = ME.op;
      late_id = MY_ID;
      late_passes = (ME.op == PASS -> ID(_pid, ME.passes) : 0);
      unanswered(_pid) }
  :: d_step { ME.is == QUEUED && !ME.doubt && (!cut || safe.holder == doc.holder) && doc.holder && \
      (doc.holder == MY_ID || (BROKEN(ANY_NOTICE) && OWNER(doc.holder) == _pid)) -> /* a grant notice */
      believe(_pid) }

  /* calls that give up */
  LEAVE_LOCALLY(1)
  LEAVE_LOCALLY(2)
#if CALLS > 2
  LEAVE_LOCALLY(3)
#endif
  :: d_step { (ME.is == ASKING || ME.is == QUEUED) && giveups > 0 && ME.waits && !BROKEN(NOT_GIVEN_UP) ->
      giveups--;
      find_next(_pid);
      printf("client %d: call %d gives up, and call %d inherits its place\n", _pid, ME.call, next);
      stops_waiting(_pid, next);
      ME.call = next;
      ME.heir = BROKEN(SEE_INHERITED);
      if :: BROKEN(HEIR_UNDOUBTED) -> ME.doubt = 0 :: else fi }
  :: d_step { (ME.is == ASKING || ME.is == QUEUED) && ME.phase != SENT && giveups > 0 && (ME.waits == 0 || APART) ->
      printf("client %d: call %d gives up\n", _pid, ME.call);
      giveups--;
      if :: ME.phase != NONE -> unanswered(_pid) :: else fi;
      fails(_pid);
      check() }

  :: d_step { MAY(DEATHS) && ME.came && !ME.dead ->
      printf("client %d: dies\n", _pid);
      faults--;
      rest(_pid);
      forget_command(_pid);
      ME.dead = 1;
      ME.lingers = 0;
      ME.buries = 0;
      ME.waits = 0;
      for (n : 1 .. TRIES) { ME.todo[n] = NOTHING };
      skip }

  UNDOES(1)
#if TRIES > 1
  UNDOES(2)
#endif
#if TRIES > 2
  UNDOES(3)
#endif
#if TRIES > 3
  UNDOES(4)
#endif
#if TRIES > 4
  UNDOES(5)
#endif
  od
}
