// How numbers are written: no more digits than were measured, a true minus, thousands apart.

export function count(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100)
    return Math.round(value).toLocaleString('en-US').replace('-', '−');
  return Number(value.toPrecision(2)) === 0 ? '0' : value.toFixed(Math.abs(value) >= 10 ? 1 : 2).replace('-', '−');
}

export function signed(value: number): string {
  const text = count(value);
  return /^[−0.]*$/.test(text) ? '0' : text.startsWith('−') ? text : `+${text}`;
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(Math.abs(part) < 0.1 && !Number.isInteger(part * 100) ? 1 : 0).replace('-', '−')} %`;
}
