/** What a field holds after it was changed. */
export const chosen = (event: { currentTarget: { value: string } }) => event.currentTarget.value;
