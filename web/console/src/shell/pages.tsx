// Lists that the server gives page by page: read on by whoever looks at them, or read to the end where something is chosen.

import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';

interface Answer<T> {
  data: T[];
  has_more: boolean;
  next_cursor?: string | null;
}
export type Ask<T> = (query: { limit: number; cursor?: string }) => Promise<Answer<T>>;

const PAGE = 50;
/** The most that the server gives at once. */
const WIDEST = 100;
/** A choice of more than a thousand is not made in a list; what is beyond it shows as its id. */
const MOST_PAGES = 10;

/** A list to look at. What changes `key` has every page that was read asked for anew, and so has `every`, in ms. */
export const usePages = <T,>(
  key: readonly string[],
  ask: Ask<T>,
  limit = PAGE,
  every: number | false = false,
) =>
  useInfiniteQuery({
    refetchInterval: every,
    // An object, since an agent may be called "pages".
    queryKey: [...key, { pages: true }],
    initialPageParam: '',
    queryFn: ({ pageParam }) => ask({ limit, ...(pageParam && { cursor: pageParam }) }),
    getNextPageParam: (page) => (page.has_more ? page.next_cursor : null),
    select: ({ pages }) => pages.flatMap((page) => page.data),
  });

export type Pages<T> = ReturnType<typeof usePages<T>>;

/** A list to choose from. */
export const useWhole = <T,>(key: readonly string[], ask: Ask<T>, staleTime = 5_000) =>
  useQuery({
    queryKey: [...key, { whole: true }],
    queryFn: async () => {
      const data: T[] = [];
      let cursor = '';
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const answer = await ask({ limit: WIDEST, ...(cursor && { cursor }) });
        data.push(...answer.data);
        cursor = answer.has_more ? (answer.next_cursor ?? '') : '';
        if (!cursor) break;
      }
      return { data };
    },
    staleTime,
  });

/** Below a list that goes on. */
export function More({
  pages,
  children = 'Show more',
}: {
  pages: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
  children?: string;
}) {
  if (!pages.hasNextPage) return null;
  return (
    <div>
      <Button
        variant="default"
        loading={pages.isFetchingNextPage}
        onClick={() => void pages.fetchNextPage()}
        data-testid="more"
      >
        {children}
      </Button>
    </div>
  );
}
