// Number formatting: no more digits than were measured, a true minus sign, thousands separators.

export function count(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100)
    return Math.round(value).toLocaleString('en-US').replace('-', '−');
  return Number(value.toPrecision(2)) === 0 ? '0' : value.toFixed(Math.abs(value) >= 10 ? 1 : 2).replace('-', '−');
}

export function signed(value: number): string {
  const text = count(value);
  return /^[−0.]*$/.test(text) ? '0' : text.startsWith('−') ? text : `+${text}`;
}

/** One decimal below 20 %, the range of the budgets. */
export function percent(part: number): string {
  const digits = Math.abs(part) < 0.2 ? 1 : 0;
  return `${(part * 100).toFixed(digits).replace(/\.0$/, '').replace('-', '−')} %`;
}
