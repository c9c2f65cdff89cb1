import { Time } from '../../shell';
import { useAudit } from './queries';
import { SettingsList } from './settings-list';

export function Audit() {
  return (
    <SettingsList
      label="Audit"
      testid="audit"
      pages={useAudit()}
      columns={['When', 'Who', 'What', 'On', 'Request']}
      empty={{ title: 'Nothing was changed yet', says: 'Each change by anybody stands here, and stays.' }}
      row={(one) => (
        <tr key={one.id}>
          <td className="tight">
            <Time at={one.at} />
          </td>
          <td data-label="Who">{one.actor}</td>
          <td className="mono" data-label="What">
            {one.action}
          </td>
          <td className="mono small break" data-label="On">
            {one.target}
          </td>
          <td className="mono small quiet break" data-label="Request">
            {one.request_id}
          </td>
        </tr>
      )}
    />
  );
}
