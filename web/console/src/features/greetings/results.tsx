import type { ArmResult, Greeting, Judgement } from '../../server';
import { Loading, Problem, Scroll, Time } from '../../shell';
import { count, msOrNone } from '../../words';
import { share } from './form';
import { useResults } from './queries';

/** What came of it, by arm where there is an experiment. */
export function Results({ greeting }: { greeting: Greeting }) {
  const results = useResults(greeting.id);
  const arms = results.data?.arms ?? [];
  return (
    <section className="card stack" aria-labelledby="results">
      <div>
        <h2 id="results">What came of it</h2>
        {results.data?.since && (
          <p className="quiet small">
            Round {results.data.round}, since <Time at={results.data.since} />
          </p>
        )}
      </div>
      {results.isPending && <Loading rows={2} />}
      {results.isError && <Problem small error={results.error} again={() => void results.refetch()} />}
      {results.data && (
        <>
          <Table arms={arms} goal={!!results.data.goal_reached} />
          {arms.length > 1 && (
            <dl className="verdicts">
              <Verdict name="Callers who answered" judgement={results.data.answered} arms={arms} />
              <Verdict name="Heard to the end" judgement={results.data.heard_whole} arms={arms} />
              {results.data.goal_reached && (
                <Verdict name="Goal reached" judgement={results.data.goal_reached} arms={arms} />
              )}
            </dl>
          )}
          {arms.length > 1 && (
            <p className="quiet small">
              All arms by the chi-squared test, each against the first by a test of two proportions, corrected
              after Holm; intervals at 95 %. Look when you had planned to: who looks every day finds
              differences that are none.
            </p>
          )}
        </>
      )}
    </section>
  );
}

function Table({ arms, goal }: { arms: ArmResult[]; goal: boolean }) {
  return (
    <Scroll label="Outcomes">
      <table className="outcomes">
        <thead>
          <tr>
            <th scope="col">{arms.length > 1 ? 'Arm' : 'Calls'}</th>
            {arms.length > 1 && (
              <th scope="col" className="number">
                Calls
              </th>
            )}
            <th scope="col" className="number">
              Answered
            </th>
            <th scope="col" className="number">
              Clipped
            </th>
            <th scope="col" className="number">
              Talked over
            </th>
            {goal && (
              <th scope="col" className="number">
                Goal
              </th>
            )}
            <th scope="col" className="number">
              Heard after
            </th>
          </tr>
        </thead>
        <tbody>
          {arms.map(({ arm, outcomes }) => (
            <tr key={arm} data-testid="outcome">
              <th scope="row">{arms.length > 1 ? arm : count(outcomes.calls)}</th>
              {arms.length > 1 && <td className="number">{count(outcomes.calls)}</td>}
              <td className="number">{share(outcomes.answered, outcomes.calls)}</td>
              <td className="number">{share(outcomes.clipped, outcomes.measured)}</td>
              <td className="number">{share(outcomes.talked_over, outcomes.measured)}</td>
              {goal && <td className="number">{share(outcomes.goal_reached, outcomes.calls)}</td>}
              <td className="number">{msOrNone(outcomes.first_audible_median_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const percent = (value: number) => `${(value * 100).toFixed(1)} %`;

function Verdict({ name, judgement, arms }: { name: string; judgement: Judgement; arms: ArmResult[] }) {
  const place = arms.findIndex((one) => one.arm === judgement.arm);
  const difference = judgement.arms[place]?.difference;
  const says = {
    not_enough_data: 'not enough data to tell',
    no_difference: `no difference that chance does not explain (p ${judgement.p?.toFixed(3) ?? '—'})`,
    differs: `${judgement.arm} differs from ${arms[0]?.arm}${
      difference
        ? ` by ${percent(difference.value)} (${percent(difference.low)} to ${percent(difference.high)})`
        : ''
    }, p ${judgement.p?.toPrecision(2) ?? '—'}`,
  }[judgement.conclusion];
  return (
    <div>
      <dt>{name}</dt>
      <dd className={judgement.conclusion === 'differs' ? 'found' : 'quiet'} data-testid="verdict">
        {says}
      </dd>
    </div>
  );
}
