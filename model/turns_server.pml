/* Part of turns.pml: what a command does to the document. */

#define AT(place, who) (doc.waiter[place] == who)
#if QUEUE > 4
#define STANDS(who) (AT(0, who) || AT(1, who) || AT(2, who) || AT(3, who) || AT(4, who))
#else
#define STANDS(who) (AT(0, who) || AT(1, who) || AT(2, who) || AT(3, who))
#endif

inline find(who) { /* i: its place in the queue, or QUEUE */
  i = 0;
  do
  :: i < QUEUE && doc.waiter[i] != who -> i++
  :: else -> break
  od
}

inline remove_waiter(at) {
  for (j : at .. QUEUE - 2) { doc.waiter[j] = doc.waiter[j + 1] };
  doc.waiter[QUEUE - 1] = 0;
  doc.waiters--
}

inline admit() { /* the head of the queue */
  if
  :: doc.holder == 0 && doc.waiters > 0 ->
    doc.holder = doc.waiter[0];
    doc.fence = 1;
    remove_waiter(0)
  :: else
  fi
}

inline may_come_before(c, id) {
  if
  :: id && ACTING(id) && client[OWNER(id)].is != HOLDING -> client[c].after = client[c].after & ~(1 << OWNER(id))
  :: else
  fi
}

inline append(what, who) {
  assert(doc.waiters < QUEUE);
  j = doc.waiters;
  do
  :: BROKEN(TO_THE_FRONT) && what == PASS && j > 0 -> doc.waiter[j] = doc.waiter[j - 1]; j--
  :: else -> break
  od;
  doc.waiter[j] = who;
  doc.waiters++;
  k = OWNER(who);
  if
  :: ACTING(who) ->
    client[k].after = (1 << CLIENTS) - 1;
    may_come_before(k, doc.holder);
    for (n : 0 .. j - 1) { may_come_before(k, doc.waiter[n]) };
    skip
  :: else
  fi
}

/* `what` for `who`. A PASS also releases `before`, first. */
inline transition(what, who, before) {
  found = (doc.holder && before && (doc.holder == before || BROKEN(ANY_HOLDER)));
  if :: found -> doc.holder = 0 :: else fi;
  verdict = NO_ENTRY;
  if
  :: what == PASS && !found && BROKEN(NOTHING_TO_RELEASE) -> verdict = NOT_ASKED
  :: else ->
    find(who);
    if
    :: doc.holder != who && i == QUEUE && what != HEARTBEAT && !doc.gone[who] -> append(what, who)
    :: else
    fi
  fi;
  admit();
  find(who);
  if
  :: doc.holder == who -> verdict = HELD
  :: doc.holder != who && i < QUEUE -> verdict = WAITS
  :: else
  fi
}

/* The end of an acquisition. */
inline end_of(what, who) {
  if :: doc.holder == who -> doc.holder = 0 :: else fi;
  if
  :: what == CANCEL || what == BURY ->
    find(who);
    if :: i < QUEUE -> remove_waiter(i) :: else fi;
    if :: what == BURY -> doc.gone[who] = 1 :: else fi
  :: else
  fi;
  admit()
}
#define WOULD_END(what, who) \
  (doc.holder == who || (what == BURY && !doc.gone[who]) || ((what == CANCEL || what == BURY) && STANDS(who)))
