/** What Redis answers to a command. */
export type Reply =
  | string
  | number
  | null
  | { readonly ok: string }
  | readonly Reply[];
