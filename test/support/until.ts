/** Asks again and again until `isRight` holds for the answer, and resolves with that; rejects with the last one when time is up. */
export async function until<T>(
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  milliseconds = 60_000,
): Promise<T> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > end) throw new Error(`in ${milliseconds} ms it did not become right: ${String(answer)}`);
  }
}
