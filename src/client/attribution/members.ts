/** The list that a member is in, and its neighbours there. Only the list writes them. */
export interface Listed<Member> {
  list: object | undefined;
  older: Member | undefined;
  newer: Member | undefined;
}

/** Members in the order in which they were added. Each has its neighbours as fields, so that nothing is allocated for it. */
export class Members<Member extends Listed<Member>> {
  #oldest: Member | undefined;
  #newest: Member | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The others follow as `newer`. */
  get oldest(): Member | undefined {
    return this.#oldest;
  }

  /** The others follow as `older`. */
  get newest(): Member | undefined {
    return this.#newest;
  }

  /** Ignored if it is in a list already. */
  add(member: Member): void {
    if (member.list !== undefined) return;

    member.list = this;
    member.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = member;
    else this.#newest.newer = member;
    this.#newest = member;
    this.#size++;
  }

  /** Returns false if it is not in the list. */
  delete(member: Member): boolean {
    if (member.list !== this) return false;

    const { older, newer } = member;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    member.list = undefined;
    member.older = undefined;
    member.newer = undefined;
    this.#size--;
    return true;
  }

  /** Whether one of the `most` oldest passes the test, which also gets `given`. */
  some<Given>(most: number, test: (member: Member, given: Given) => boolean, given: Given): boolean {
    let left = most;
    for (let member = this.#oldest; member !== undefined && left > 0; member = member.newer, left--)
      if (test(member, given)) return true;
    return false;
  }
}
