// The photos of a review as the server lists them, and which of them are to be looked at.

export const masks = (num) => `${num} mask${num === 1 ? "" : "s"}`;

export function offerText({ group, measured, offset, rest }) {
  const side = offset > 0 ? "outside" : "inside";
  const whose = group ? `of ${group}` : "of this folder";
  return `The contours of ${masks(measured)} ${whose} that you accepted lie ${Math.abs(offset).toFixed(2)} px `
    + `${side} the network's. Move those of the other ${masks(rest.length)} too?`;
}

export class BatchList {
  photos = []; // the least certain first
  offers = [];
  below = 0.99;
  scope = "below"; // which photos are looked at: below, later, all

  hear(answer) {
    this.photos = answer.photos;
    this.offers = answer.offers;
  }

  entry(name) {
    return this.photos.find((photo) => photo.name === name);
  }

  place(name) {
    return this.photos.findIndex((photo) => photo.name === name);
  }

  isBelow(photo) {
    return photo.expected === null || photo.expected < this.below;
  }

  get open() {
    return this.photos.filter((photo) => photo.status !== "accepted");
  }

  /** Masks that are not accepted and good enough, by what is expected. */
  get others() {
    return this.open.filter((photo) => !this.isBelow(photo));
  }

  get wanted() {
    if (this.scope === "all") return this.open;
    if (this.scope === "later") return this.open.filter((photo) => photo.status === "later");
    return this.open.filter((photo) => photo.status === "open" && this.isBelow(photo));
  }

  /** The photo to look at after one; of those below the Dice also one before it. */
  after(name) {
    const rest = this.wanted.filter((photo) => photo.name !== name);
    const next = rest.find((photo) => this.place(photo.name) > this.place(name));
    return next ?? (this.scope === "below" ? rest[0] : undefined);
  }

  offerFor(name) {
    return this.offers.find((offer) => offer.group === this.entry(name).group);
  }

  get leftText() {
    const { open, below } = this;
    const sure = open.filter((photo) => this.isBelow(photo)).length;
    const perhaps = open.filter((photo) => this.isBelow(photo) || (photo.lowest ?? 1) < below).length;
    const more = perhaps > sure ? `; ${perhaps} may be` : "";
    return `${masks(sure)} left that ${sure === 1 ? "is" : "are"} expected below ${below}${more}`;
  }

  get doneTexts() {
    const { others, open, below } = this;
    const passed = open.length - others.length;
    const title = passed ? `${masks(passed)} left that you have passed` : `No mask is left that is expected below ${below}`;
    const dice = others.map((photo) => photo.expected);
    const mean = dice.reduce((sum, one) => sum + one, 0) / dice.length;
    const rest = `${masks(others.length)} not looked at: expected Dice ${mean.toFixed(4)} on average, `
      + `${Math.min(...dice).toFixed(4)} at least.`;
    const accepted = `${masks(this.photos.length - open.length)} accepted.`;
    return [title, others.length ? `${accepted} ${rest}` : accepted];
  }
}
