// CompetitorAnalysisButton.tsx
import { useState } from 'react'
import { useBackgroundJob } from '@jobcast/client/react'
import axios from 'axios'

const CompetitorAnalysisButton = ({ brandId, competitorName }) => {
  const [jobId, setJobId] = useState<string | null>(null)
  const { job, isPolling } = useBackgroundJob(jobId)

  const handleAnalyze = async () => {
    try {
      // Start background job
      const response = await axios.post('/api/jobs/start', {
        brand_id: brandId,
        job_type: 'competitor_analysis',
        input_data: {
          competitor_name: competitorName
        }
      })

      setJobId(response.data.job_id)
    } catch (error) {
      console.error('Failed to start analysis:', error)
    }
  }

  if (!job) {
    return (
      <button onClick={handleAnalyze} disabled={isPolling}>
        Analyze Competitor
      </button>
    )
  }

  if (job.status === 'processing') {
    return (
      <div className="progress-container">
        <div className="progress-bar" style={{ width: `${job.progress}%` }} />
        <p>{job.current_step}</p>
        <p>{job.progress}% complete</p>
      </div>
    )
  }

  if (job.status === 'completed') {
    return (
      <div>
        <p>✅ Analysis Complete!</p>
        <button onClick={() => navigateToResults(job.result_data.id)}>
          View Analysis
        </button>
      </div>
    )
  }

  if (job.status === 'failed') {
    return (
      <div>
        <p>❌ Analysis Failed</p>
        <p>{job.error_message}</p>
        <button onClick={handleAnalyze}>Retry</button>
      </div>
    )
  }

  return null
}

export default CompetitorAnalysisButton
